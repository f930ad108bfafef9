"""How global states and updates travel in messages: as plain arrays, or coded.

A coded record holds one array, ``CODED``, whose bytes are a message of :mod:`frl.wire`. Both sides
build the same channel from the configuration of the run; a client answers a coded request with a
coded reply.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple, cast

import numpy as np
from flwr.app import Array, ArrayRecord, Message
from numpy.typing import NDArray

from frl import wire
from frl.exchange.ballots import noise
from frl.exchange.forms import Ballots, Form, Top, Whole
from frl.exchange.messages import (
    ARRAYS,
    MalformedError,
    Task,
    arrays_record,
    read_arrays,
)
from frl.exchange.steps import MOST_NOISES, encode_step, follow, is_steps, join
from frl.wire.base import Base, Coding
from frl.wire.codings.fixed import Fixed
from frl.wire.downlink import decode_down, encode_down

CODED = "coded"
_STYPE = "frl.wire"

Update = dict[str, NDArray[Any]]


class Sizes(NamedTuple):
    """Bytes of a coded message.

    Attributes
    ----------
    total : int
        Header and checksum included.
    layers : dict of layer name to int
        Of each layer's payload.
    """

    total: int
    layers: dict[str, int]


class Received(NamedTuple):
    """What was read of a client's record, and what it took.

    Attributes
    ----------
    update : mapping of layer name to array
    bytes : int
        Of the record's arrays and their names.
    coded : Sizes or None
        Of the coded message, where it was one.
    """

    update: Update
    bytes: int
    coded: Sizes | None = None


@dataclass(frozen=True)
class Channel:
    """What both sides of a run agreed on.

    Attributes
    ----------
    layers : mapping of layer name to number of edges
    up : Coding
        Of updates.
    form : Form or None
        What is sent of a ranking; None for updates of weights.
    rows : mapping of layer name to int
        Rows (output units) of each layer; they make coded messages smaller.
    coded : bool
        Whether the server sends coded requests; otherwise codings only measure.
    down_bits : int
        Bits of the ballots that a global ranking is sent down as, 0 for all of it.
    first : mapping of layer to int32 positions
        The ranking that round 1 begins with, which every client draws from the seed: what a coded
        global ranking is given for a client that is not known to hold a later one. Without it, or
        where updates are ``fixed``, the way down is a ``fixed`` snapshot.
    history : int
        Past global rankings that the server keeps, to send a client that answered one of those
        rounds only what changed; clients then keep the last they saw.
    """

    layers: Mapping[str, int]
    up: Coding
    form: Form | None = field(default_factory=Whole)
    rows: Mapping[str, int] = field(default_factory=dict)
    coded: bool = False
    down_bits: int = 0
    first: Update = field(default_factory=dict)
    history: int = 0

    def send_state(
        self, base: Base, seen: Base | None = None, steps: Sequence[bytes] = ()
    ) -> ArrayRecord:
        """Pack the global state of a round for a client that holds ``seen``."""
        if not self.coded:
            return arrays_record(base.ranking)
        return _coded(self.encode_state(base, seen, steps))

    def read_state(self, record: ArrayRecord, seen: Base | None = None, *, seed: int = 0) -> Update:
        """Unpack a global state, coded or not, where ``seen`` was the last one.

        Parameters
        ----------
        record : ArrayRecord
        seen : Base or None
        seed : int
            Of the run.

        Raises
        ------
        WireError
            If it is coded given a state that is neither ``seen`` nor the first.
        """
        message = coded_message(record)
        if message is None:
            return read_arrays(record)
        state = self._decode_state(message, seen, seed)
        for array in state.values():
            array.flags.writeable = False
        return state

    def dithered(self, ranking: Update, task: Task) -> Update:
        """Jitter a ranking as a client does to its own before it becomes a ballot.

        The noise follows from the task, so the server knows it too.
        """
        form = self.form
        if not isinstance(form, Ballots) or not form.dither:
            return ranking
        return {
            name: form.dithered(ranking[name], noise(task.seed, task.round, task.client, number))
            for number, name in enumerate(self.layers)
        }

    def given(self, base: Base, task: Task) -> Base:
        """Return what a client's update is coded given: the global ranking, jittered like its own.

        The noise that both sides know then costs no bits.
        """
        ranking = self.dithered(base.ranking, task)
        return base if ranking is base.ranking else Base(base.round, ranking)

    def send_update(self, update: Update, base: Base, task: Task, *, coded: bool) -> ArrayRecord:
        """Pack what is sent of a full ranking, or of a difference of weights.

        Parameters
        ----------
        update : mapping of layer to array
        base : Base
            The global state of the round.
        task : Task
            What the client was asked.
        coded : bool
        """
        if coded:
            return _coded(self.encode_update(self._codable(update), base, task))
        form = self.form
        return arrays_record({n: form.of(p) for n, p in update.items()} if form else update)

    def read_update(self, record: ArrayRecord, base: Base, task: Task, *, coded: bool) -> Update:
        """Unpack what was sent.

        Raises
        ------
        MalformedError
            If it is not coded although it should be, or cannot be read.
        WireError
            If it is coded and not valid against this global state.
        """
        return self.receive(record, base, task, coded=coded).update

    def receive(self, record: ArrayRecord, base: Base, task: Task, *, coded: bool) -> Received:
        """Unpack what was sent and count its bytes; raises what :meth:`read_update` does."""
        message = coded_message(record)
        if not coded:
            if message is not None:
                raise MalformedError("wrong-dtype", "a coded message, where arrays were asked for")
            return Received(read_arrays(record, self.layers), record.count_bytes())
        if message is None:
            raise MalformedError("not-coded", f"{len(record)} arrays, not {CODED!r} alone")
        update = wire.decode(message, self.layers, self.up, base=self.given(base, task))
        sizes = Sizes(len(message), wire.payload_sizes(message, self.layers))
        return Received(update, record.count_bytes(), sizes)

    def encode_step(
        self,
        base: Base,
        voters: Sequence[int],
        sums: Mapping[str, NDArray[Any]],
        *,
        seed: int,
    ) -> bytes | None:
        """Encode what led from the ranking of a round to the next.

        ``None`` where the sums of ballots do not say all of it, or nobody keeps a history.
        """
        form = self.form
        if not self.history or self.down_bits:
            return None
        if not isinstance(form, Ballots) or form.focus != 1.0:
            return None
        if form.dither and len(voters) > MOST_NOISES:
            return None
        ordered = {name: sums[name].astype(np.int32) for name in self.layers}
        return encode_step(ordered, form, voters, base, seed=seed, rows=self.rows)

    def encode_state(
        self, base: Base, seen: Base | None = None, steps: Sequence[bytes] = ()
    ) -> bytes:
        """Encode the global state of a round for a client that holds ``seen``.

        Parameters
        ----------
        base : Base
        seen : Base or None
        steps : sequence of bytes
            From :meth:`encode_step`, that lead from ``seen`` to ``base``, where they are known.
        """
        if steps:
            return join(steps)
        if self.form is None:
            return wire.encode(base.ranking, wire.codings.make("float32"))
        bits = self.down_bits or None
        given = self._held_or_first(seen)
        return encode_down(base.ranking, seen=given, bits=bits, rows=self.rows)

    def encode_update(self, codable: wire.Update, base: Base, task: Task) -> bytes:
        """Encode an update that is in the form that the coding takes."""
        return wire.encode(codable, self.up, base=self.given(base, task), rows=self.rows)

    def measure(self, sent: Update, base: Base, task: Task) -> Sizes:
        """Encode what a plain reply held, for its size.

        Parameters
        ----------
        sent : mapping of layer to array
            As :meth:`read_update` returns it.
        base : Base
            The global state of the round.
        task : Task
            What the client was asked.
        """
        codable: wire.Update = sent
        if isinstance(self.form, Top):
            codable = self.full(sent, base)
        message = self.encode_update(codable, base, task)
        return Sizes(len(message), wire.payload_sizes(message, self.layers))

    def full(self, sent: Update, base: Base) -> Update:
        """Rebuild a full ranking from what was sent of one, ties by the global ranking."""
        if self.form is None:
            return sent
        return {name: self.form.ranking(part, base.ranking[name]) for name, part in sent.items()}

    def _decode_state(self, message: bytes, seen: Base | None, seed: int) -> Update:
        if is_steps(message):
            if seen is None or not isinstance(self.form, Ballots):
                raise wire.WireError("wrong-base", "steps from a round; this side holds none")
            return {**follow(message, self.form, seen, seed=seed).ranking}
        if self.form is None:
            return wire.decode(message, self.layers, wire.codings.make("float32"))
        bits = self.down_bits or None
        held = seen if seen and wire.base_round(message) == seen.round else None
        given = self._held_or_first(held)
        return decode_down(message, self.layers, seen=given, bits=bits, ties=self.first)

    def _held_or_first(self, seen: Base | None) -> Base | None:
        """Return what a global ranking is coded given; ``None`` for a snapshot."""
        return seen if seen and self._first else self._first

    @cached_property
    def _first(self) -> Base | None:
        snapshot = not self.first or (isinstance(self.up, Fixed) and not self.down_bits)
        return None if snapshot else Base(0, self.first)

    def _codable(self, update: Update) -> wire.Update:
        if self.form is None or isinstance(self.form, Top):
            return update
        return {name: self.form.of(positions) for name, positions in update.items()}


def coded_message(record: ArrayRecord) -> bytes | None:
    """Return the message of a coded record, ``None`` for plain arrays."""
    if len(record) != 1 or CODED not in record or record[CODED].stype != _STYPE:
        return None
    return record[CODED].data


def is_coded(request: Message) -> bool:
    """Whether a request is coded, and so its reply must be."""
    return coded_message(cast(ArrayRecord, request.content[ARRAYS])) is not None


def _coded(message: bytes) -> ArrayRecord:
    return ArrayRecord({CODED: Array("uint8", (len(message),), _STYPE, message)})
