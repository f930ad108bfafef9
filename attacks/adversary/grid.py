"""The grid that hides an adversary from the server."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Literal, TypeAlias

from flwr.app import Message
from flwr.serverapp import Grid

from attacks.adversary.batch import Adversary, Batch, is_train
from attacks.adversary.codec import Codec
from attacks.adversary.orders import IGNORED, REFUSED
from attacks.adversary.population import Population
from attacks.base import AccuracyCall, Attack, AttackState, Knowledge, RuleCall, Setting
from frl.errors import InputError
from frl.grids import ForwardingGrid

log = logging.getLogger(__name__)

SettingOf: TypeAlias = Callable[[Sequence[Message]], Setting]
_NO_ATTACK = {
    IGNORED: "on our own grids attacks.hide(...) adds the mod to an frl.client_app; elsewhere take "
    "attacks.obeying(app), and train on frl.shard_transform.transformed(...) where the attack is "
    "on data",
    REFUSED: "a node that is no simulation's obeys only if its owner wants it to",
}
_OPEN = Setting(seed=0, round=0, clients_per_round=0, classes=0)


class AdversarialGrid(ForwardingGrid):
    """A Flower ``Grid`` some of whose clients are malicious.

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
    setting : Setting or callable
        Of the run; the round is filled in. Or what makes it of the train messages of a round.
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
        setting: Setting | SettingOf,
        *,
        colluders: Literal["sampled", "all"] = "sampled",
        rule: RuleCall | None = None,
        accuracy: AccuracyCall | None = None,
    ) -> None:
        needs = attack.needs()
        if Knowledge.RULE in needs and rule is None:
            raise InputError(f"{attack!r} needs the server's rule; takes rule=server.preview")
        if Knowledge.ACCURACY in needs and accuracy is None:
            raise InputError(
                f"{attack!r} needs the accuracy on the colluders' data; takes accuracy="
            )
        if colluders not in ("sampled", "all"):
            raise InputError(f"attack.colluders: got {colluders!r}; takes 'sampled' or 'all'")
        if colluders == "all":
            malicious.others(0, (), 0)
        super().__init__(grid)
        known = setting if isinstance(setting, Setting) else _OPEN
        self._setting_of = None if isinstance(setting, Setting) else setting
        self._adversary = Adversary(attack, malicious, codec, known, colluders, rule, accuracy)
        self._state: AttackState = {}
        self._malicious: tuple[int, ...] = ()
        self._pushed: list[Batch] = []
        self._ready: dict[str, Message] = {}
        self._warned = False

    @property
    def state(self) -> AttackState:
        """State of the attack between rounds; set it to resume a run."""
        return {name: array.copy() for name, array in self._state.items()}

    @state.setter
    def state(self, state: AttackState) -> None:
        self._state = {name: array.copy() for name, array in state.items()}

    @property
    def malicious(self) -> tuple[int, ...]:
        """Ids of the clients among those last asked to train that attacked, ascending."""
        return self._malicious

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
            if batch.complete:
                self._pushed.remove(batch)
        return replies + [self._ready.pop(i) for i in asked if i in self._ready]

    def _batch(self, messages: Iterable[Message]) -> Batch:
        asked = list(messages)
        train = [message for message in asked if is_train(message)]
        if train and self._setting_of is not None:
            setting = self._setting_of(train)
            self._adversary = dataclasses.replace(self._adversary, setting=setting)
        batch = Batch(self._adversary, asked)
        if batch.trains:
            self._malicious = batch.malicious
        return batch

    def _through(self, batch: Batch, replies: Iterable[Message]) -> Iterator[Message]:
        for reply in replies:
            yield from self._taken(batch, reply)
        yield from self._craft(batch)

    def _taken(self, batch: Batch, reply: Message) -> list[Message]:
        taken = batch.take(reply)
        reasons = [str(r.error.reason) for r in taken if r.has_error()]
        for reason, hint in _NO_ATTACK.items():
            if not self._warned and any(reason in said for said in reasons):
                self._warned = True
                log.warning(
                    "%s: NO ATTACK TAKES PLACE, and the replies of malicious clients are rejected: "
                    "%s",
                    reason,
                    hint,
                )
        return taken

    def _craft(self, batch: Batch) -> list[Message]:
        replies, self._state = batch.craft(self._state)
        return replies


def _answered(reply: Message) -> str:
    return reply.metadata.reply_to_message_id
