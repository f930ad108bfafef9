"""The grid that hides an adversary from the server."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from typing import Any, Literal

from flwr.app import Message, RecordDict
from flwr.proto.node_pb2 import NodeInfo
from flwr.serverapp import Grid
from flwr.supercore.run import Run

from attacks.adversary.batch import Adversary, Batch
from attacks.adversary.codec import Codec
from attacks.adversary.orders import IGNORED
from attacks.adversary.population import Population
from attacks.base import AccuracyCall, Attack, AttackState, Knowledge, RuleCall, Setting
from frl.errors import InputError

log = logging.getLogger(__name__)


class AdversarialGrid(Grid):
    """A Flower ``Grid`` some of whose clients are malicious.

    Whatever else the wrapped grid offers, it offers too: methods, attributes and ``with``.

    Malicious clients train honestly through the wrapped grid; their replies are held back until
    all colluders have replied and are then replaced. Benign replies pass as they arrive. What the
    attack sees is limited to what it declares it needs. Attacks on a client's own data or update
    run in the client: the grid adds orders to the message, which
    :func:`attacks.adversary.mod.adversary_mod` obeys and removes. A reply that does not acknowledge
    its orders becomes an error reply, and a warning says so once: otherwise orders that a client
    app ignores would look like a perfect defence.

    Parameters
    ----------
    grid : Grid
        The one to wrap.
    attack : Attack
    malicious : Population
    codec : Codec
    setting : Setting
        Of the run; the round is filled in.
    colluders : {"sampled", "all"}
        Whose honest updates colluders share: those of the malicious clients sampled this round, or
        also of others, asked to train besides and not counted by the server, up to
        ``clients_per_round`` in all (the protocol of the FRL paper's code).
    rule : RuleCall, optional
    accuracy : AccuracyCall, optional

    Raises
    ------
    InputError
        If the attack needs a rule or an accuracy that is not given, or if ``colluders="all"`` goes
        with malicious clients drawn each round.
    """

    def __init__(
        self,
        grid: Grid,
        attack: Attack,
        malicious: Population,
        codec: Codec,
        setting: Setting,
        *,
        colluders: Literal["sampled", "all"] = "sampled",
        rule: RuleCall | None = None,
        accuracy: AccuracyCall | None = None,
    ) -> None:
        needs = attack.needs()
        if Knowledge.RULE in needs and rule is None:
            raise InputError(f"{attack!r} needs the server's rule")
        if Knowledge.ACCURACY in needs and accuracy is None:
            raise InputError(f"{attack!r} needs the accuracy on the colluders' data")
        if colluders not in ("sampled", "all"):
            raise InputError(f"attack.colluders: got {colluders!r}; takes 'sampled' or 'all'")
        if colluders == "all":
            malicious.others(0, (), 0)
        self._grid = grid
        self._adversary = Adversary(attack, malicious, codec, setting, colluders, rule, accuracy)
        self._state: AttackState = {}
        self._malicious: tuple[int, ...] = ()
        self._pushed: list[Batch] = []
        self._ready: dict[str, Message] = {}
        self._warned = False

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self._grid, name)

    def __setattr__(self, name: str, value: Any) -> None:
        own = name.startswith("_") or hasattr(type(self), name)
        object.__setattr__(self if own else self._grid, name, value)

    def __enter__(self) -> AdversarialGrid:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the wrapped grid, if it can be closed."""
        close = getattr(self._grid, "close", None)
        if close is not None:
            close()

    @property
    def state(self) -> AttackState:
        """What the attack remembers between rounds; set it to resume a run."""
        return {name: array.copy() for name, array in self._state.items()}

    @state.setter
    def state(self, state: AttackState) -> None:
        self._state = {name: array.copy() for name, array in state.items()}

    @property
    def wrapped(self) -> Grid:
        """The grid behind this one."""
        return self._grid

    @property
    def malicious(self) -> tuple[int, ...]:
        """Ids of the malicious clients among those last asked to train, ascending."""
        return self._malicious

    def set_run(self, run: Run) -> None:
        """Set the run of the wrapped grid."""
        self._grid.set_run(run)

    @property
    def run(self) -> Run:
        """Run of the wrapped grid."""
        return self._grid.run

    def create_message(
        self,
        content: RecordDict,
        message_type: str,
        dst_node_id: int,
        group_id: str,
        ttl: float | None = None,
    ) -> Message:
        """Create a message with the wrapped grid."""
        return self._grid.create_message(content, message_type, dst_node_id, group_id, ttl)

    def get_node_ids(self) -> Iterable[int]:
        """Return the node ids of the wrapped grid."""
        return self._grid.get_node_ids()

    def get_nodes(self) -> Iterable[NodeInfo]:
        """Return the nodes of the wrapped grid."""
        return self._grid.get_nodes()

    def send_and_receive(
        self, messages: Iterable[Message], *, timeout: float | None = None
    ) -> Iterator[Message]:
        """Send messages and yield replies: benign as they arrive, crafted ones last."""
        batch = self._batch(messages)
        return self._through(batch, self._grid.send_and_receive(batch.outgoing, timeout=timeout))

    def push_messages(self, messages: Iterable[Message]) -> Iterable[str]:
        """Send messages and return their ids."""
        batch = self._batch(messages)
        ids = list(self._grid.push_messages(batch.outgoing))
        extra = set(batch.extra_ids())
        if batch.malicious:
            self._pushed.append(batch)
        return [message_id for message_id in ids if message_id not in extra]

    def pull_messages(self, message_ids: Iterable[str]) -> Iterable[Message]:
        """Return the replies that are there; those of colluders once all of them have replied."""
        asked = [message_id for message_id in message_ids if message_id]
        concerned = [batch for batch in self._pushed if batch.holds(asked)]
        extra = [message_id for batch in concerned for message_id in batch.extra_ids()]
        replies = []
        for reply in self._grid.pull_messages([*asked, *extra]):
            owner = next((b for b in concerned if b.holds([_answered(reply)])), None)
            replies += [reply] if owner is None else self._taken(owner, reply)
        for batch in concerned:
            if batch.done:
                self._ready.update({_answered(reply): reply for reply in self._craft(batch)})
            if batch.settled:
                self._pushed.remove(batch)
        return replies + [self._ready.pop(i) for i in asked if i in self._ready]

    def _batch(self, messages: Iterable[Message]) -> Batch:
        batch = Batch(self._adversary, list(messages))
        if batch.trains:
            self._malicious = batch.malicious
        return batch

    def _through(self, batch: Batch, replies: Iterable[Message]) -> Iterator[Message]:
        for reply in replies:
            yield from self._taken(batch, reply)
        yield from self._craft(batch)

    def _taken(self, batch: Batch, reply: Message) -> list[Message]:
        taken = batch.take(reply)
        if not self._warned and any(r.has_error() and r.error.reason == IGNORED for r in taken):
            self._warned = True
            log.warning(
                "%s: NO ATTACK TAKES PLACE, and the replies of malicious clients are rejected: on "
                "our own grids attacks.hide(...) adds the mod to an frl.client_app; elsewhere take "
                "attacks.obeying(app), and train on frl.shard_transform.transformed(...) where the "
                "attack is on data",
                IGNORED,
            )
        return taken

    def _craft(self, batch: Batch) -> list[Message]:
        replies, self._state = batch.craft(self._state)
        return replies


def _answered(reply: Message) -> str:
    return reply.metadata.reply_to_message_id
