"""One round's train messages as they pass through the adversary."""

from __future__ import annotations

import dataclasses
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from flwr.app import Message

from attacks.adversary.codec import Codec
from attacks.adversary.orders import obeyed, with_orders
from attacks.adversary.population import Population
from attacks.base import (
    AccuracyCall,
    Attack,
    AttackState,
    CraftView,
    Knowledge,
    RuleCall,
    Setting,
    Update,
    crafts,
    poisons,
    tampers,
)
from frl.randomness import Purpose, generator


@dataclass(frozen=True)
class Adversary:
    """The parts of an adversary; see :class:`attacks.adversary.grid.AdversarialGrid`."""

    attack: Attack
    malicious: Population
    codec: Codec
    setting: Setting
    colluders: str = "sampled"
    rule: RuleCall | None = None
    accuracy: AccuracyCall | None = None


class Batch:
    """The messages sent together, and which of their replies are held back.

    Parameters
    ----------
    adversary : Adversary
    messages : sequence of Message
        As the strategy sent them; left as they are, but for the message id that sending sets.
        All train messages are of one round and go to different clients.

    Attributes
    ----------
    outgoing : list of Message
        What to send instead: orders to malicious clients added, further colluders asked.
    trains : bool
        Whether there is a train message.
    malicious : tuple of int
        Ids of the clients among those asked to train that attack, ascending.
    """

    def __init__(self, adversary: Adversary, messages: Sequence[Message]) -> None:
        self._adversary = adversary
        codec, attack = adversary.codec, adversary.attack
        train = [message for message in messages if is_train(message)]
        self.trains = bool(train)
        self._sampled = {codec.client_of(message): message for message in train}
        self._round = codec.round_of(train[0]) if train else 0
        clients = tuple(self._sampled)
        self.malicious = tuple(sorted(adversary.malicious.attackers(self._round, clients)))
        self._extra: dict[int, Message] = {}
        if self.malicious and crafts(attack) and adversary.colluders == "all":
            number = adversary.setting.clients_per_round - len(self.malicious)
            others = adversary.malicious.others(self._round, clients, number)
            asked = {client: codec.for_client(train[0], client) for client in others}
            self._extra = {client: request for client, request in asked.items() if request}
        obeys = poisons(attack) or tampers(attack)
        self._ordered = {*self.malicious, *self._extra} if obeys else set()
        ordered = {id(message) for c, message in self._requests() if c in self._ordered}
        per_round = adversary.setting.clients_per_round
        self.outgoing = [
            with_orders(message, attack, per_round) if id(message) in ordered else message
            for message in (*messages, *self._extra.values())
        ]
        self._unanswered = set(self._ordered)

        self._needs = attack.needs()
        self._colluders = {*self.malicious, *self._extra} if crafts(attack) else set()
        self._awaited = set(self._colluders)
        if self._colluders and Knowledge.BENIGN in self._needs:
            self._awaited |= set(clients)
        self._updates: dict[int, Update] = {}
        self._held: dict[int, Message] = {}
        self._by_id: dict[str, int] = {}
        self._unnumbered = deque(self._requests())

    @property
    def done(self) -> bool:
        """Whether everyone has replied whose reply the attack waits for."""
        return not self._awaited

    @property
    def complete(self) -> bool:
        """Whether every reply has come that must not be handed on unchanged."""
        return not self._awaited and not self._unanswered

    def extra_ids(self) -> list[str]:
        """Message ids of the requests that the strategy did not make, once they are sent."""
        return [message.metadata.message_id for message in self._extra.values()]

    def holds(self, message_ids: Iterable[str]) -> bool:
        """Whether any of these is the id of a train request of this batch, once it is sent."""
        return any(self._client(message_id) is not None for message_id in message_ids)

    def take(self, reply: Message) -> list[Message]:
        """Accept a reply and return what may be handed on at once."""
        client = self._client(reply.metadata.reply_to_message_id)
        if client is None:
            return [reply]
        if client in self._ordered:
            self._unanswered.discard(client)
            reply = obeyed(reply, self._adversary.attack)
        needed = client in self._awaited
        self._awaited.discard(client)
        if reply.has_error():
            return [] if client in self._extra else [reply]
        if needed:
            request = self._extra.get(client) or self._sampled[client]
            try:
                self._updates[client] = self._adversary.codec.read_update(reply, request)
            except Exception:  # whatever it holds, the server is to judge it
                return [] if client in self._extra else [reply]
        if client not in self._colluders:
            return [reply]
        if needed and client in self._sampled:
            self._held[client] = reply
        return []

    def craft(self, state: AttackState) -> tuple[list[Message], AttackState]:
        """Craft the replies that were held back; none if no sampled colluder trained.

        Raises
        ------
        ValueError
            If the attack makes another number of updates than it was asked for.
        """
        if not self._held:
            return [], state
        adversary, codec = self._adversary, self._adversary.codec
        replying, known = sorted(self._held), sorted(self._updates)
        colluders = replying + [client for client in known if client in self._extra]
        benign = [client for client in known if client not in self._colluders]
        setting = dataclasses.replace(adversary.setting, round=self._round)
        view = CraftView(
            setting=setting,
            previous=codec.state_of(self._sampled[replying[0]]),
            own=[self._updates[client] for client in colluders],
            sampled=len(self._sampled),
            benign=[self._updates[client] for client in benign]
            if Knowledge.BENIGN in self._needs
            else None,
            rule=adversary.rule if Knowledge.RULE in self._needs else None,
            accuracy=adversary.accuracy if Knowledge.ACCURACY in self._needs else None,
            state=dict(state),
        )
        rng = generator(setting.seed, Purpose.CRAFT, round=self._round)
        updates, remembered = adversary.attack.craft(view, len(replying), rng)
        if len(updates) != len(replying):
            raise ValueError(
                f"{adversary.attack!r} crafted {len(updates)} updates for {len(replying)} clients"
            )
        replies = [
            codec.with_update(self._held[client], self._sampled[client], update)
            for client, update in zip(replying, updates, strict=True)
        ]
        self._held, self._updates = {}, {}
        return replies, remembered

    def _requests(self) -> list[tuple[int, Message]]:
        return [*self._sampled.items(), *self._extra.items()]

    def _client(self, message_id: str) -> int | None:
        # A grid numbers messages as it sends them, perhaps one by one and mostly in order.
        while message_id not in self._by_id and self._unnumbered:
            client, request = self._unnumbered[0]
            if not request.metadata.message_id:
                break
            self._by_id[request.metadata.message_id] = client
            self._unnumbered.popleft()
        if message_id not in self._by_id:
            rest = {request.metadata.message_id: client for client, request in self._unnumbered}
            return rest.get(message_id) if message_id else None
        return self._by_id[message_id]


def is_train(message: Message) -> bool:
    """Whether a message asks a client to train."""
    return message.metadata.message_type.partition(".")[0] == "train"
