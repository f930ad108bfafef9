"""The channel: global states and updates in messages, as plain arrays or coded.

Both sides build the same channel from the configuration of the run; a client answers a coded
request with a coded reply.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from flwr.app import ArrayRecord
from numpy.typing import NDArray

from frl import wire
from frl.arrays import Arrays
from frl.errors import unknown
from frl.exchange.carry import followed
from frl.exchange.coded_record import CODED, coded_message, coded_record
from frl.exchange.downlink import coarsen, decode_down, encode_down
from frl.exchange.forms import Form, Whole
from frl.exchange.messages import MalformedError, arrays_record, read_arrays
from frl.exchange.received import Received, Sizes
from frl.exchange.steps import is_steps, join
from frl.exchange.unmoved import Unmoved
from frl.ranking import Ranking
from frl.task import Task
from frl.wire import Base, Coding


@dataclass(frozen=True)
class Channel:
    """The encoding that both sides of a run agreed on; by default plain arrays, rankings whole.

    Attributes
    ----------
    layers : mapping of layer name to number of edges
        What a client needs to read a coded global state.
    form : Form
        What is sent of an update.
    coding : str
        Registered name of the coding of updates, one that fits the form; by default the smallest.
    rows : mapping of layer name to int
        Rows (output units) of each layer; they make coded messages smaller.
    coded : bool
        Whether the server sends coded requests; otherwise codings only measure.
    down_bits : int
        Bits of the ballots that a global ranking is sent down as, 0 for all of it.
    down_slack : float or None
        How far outside its bucket the server lets an edge lie before it sends it anew, in bucket
        widths, where it carries on what ``down_bits`` rounds away; ``None`` where that is lost.
    first : mapping of layer to int32 positions
        The ranking that round 1 begins with, which every client draws from the seed: what a coded
        global ranking is given for a client that is not known to hold a later one. Without it
        every global state travels whole.
    history : int
        Past global rankings that the server keeps, to send a client that answered one of those
        rounds only what changed; clients then keep the last they saw.
    """

    layers: Mapping[str, int] = field(default_factory=dict)
    form: Form = field(default_factory=Whole)
    coding: str = ""
    rows: Mapping[str, int] = field(default_factory=dict)
    coded: bool = False
    down_bits: int = 0
    down_slack: float | None = None
    first: Arrays = field(default_factory=dict)
    history: int = 0

    @cached_property
    def update_coding(self) -> Coding:
        """The coding of updates."""
        fitting = self.form.codings()
        name = self.coding or next(iter(fitting))
        if name not in fitting:
            raise unknown("coding of what clients send", name, fitting)
        return fitting[name]

    def send_state(
        self, base: Base, held: Base | None = None, steps: Sequence[bytes] = ()
    ) -> ArrayRecord:
        """Pack the global state of a round for a client that holds ``held``."""
        if not self.coded:
            return arrays_record(base.state)
        return coded_record(self.encode_state(base, held, steps))

    def encode_state(
        self, base: Base, held: Base | None = None, steps: Sequence[bytes] = ()
    ) -> bytes:
        """Encode the global state of a round for a client that holds ``held``.

        Parameters
        ----------
        base : Base
        held : Base or None
        steps : sequence of bytes
            From :meth:`encode_step`, that lead from ``held`` to ``base``, where they are known.
        """
        if steps:
            return join(steps)
        given = self._given(held)
        if given is None:
            return wire.encode(base.state, self.form.snapshot)
        if self.form.state is not None:
            return wire.encode(base.state, self.form.state, base=given, rows=self.rows)
        return encode_down(base.state, held=given, bits=self.down_bits or None, rows=self.rows)

    def noise_sums(self, base: Base, *, seed: int) -> Unmoved | None:
        """Return what adds up the noise of ballots as they are read, where a step or carry asks."""
        if not self.coded or not (self.history or self.carries):
            return None
        return self.form.noise_sums(base, seed=seed, near=not self.carries)

    def encode_step(
        self,
        base: Base,
        voters: Sequence[int],
        sums: Mapping[str, NDArray[Any]],
        *,
        seed: int,
        heard: Unmoved | None = None,
    ) -> bytes | None:
        """Encode what led from the ranking of a round to the next.

        ``None`` where the sums of votes do not say all of it, or nobody keeps a history.
        """
        if not self.history or self.down_bits:
            return None
        ordered = {name: sums[name].astype(np.int32) for name in base.state}
        return self.form.encode_step(ordered, voters, base, seed=seed, rows=self.rows, heard=heard)

    def read_state(self, record: ArrayRecord, held: Base | None = None, *, seed: int = 0) -> Arrays:
        """Unpack a global state, coded or not, where ``held`` was the last one.

        Parameters
        ----------
        record : ArrayRecord
        held : Base or None
        seed : int
            Of the run.

        Raises
        ------
        WireError
            If it is coded given a state that is neither ``held`` nor the first.
        """
        message = coded_message(record)
        if message is None:
            return read_arrays(record)
        state = self._decode_state(message, held, seed)
        for array in state.values():
            array.flags.writeable = False
        return state

    def coarsened(self, state: Arrays) -> Arrays:
        """Keep of a new global state what clients can rebuild of what they are sent."""
        return coarsen(state, self.first, self.down_bits) if self.down_bits else state

    @property
    def carries(self) -> bool:
        """Whether the server carries on what the way down rounds away."""
        return self.down_bits > 0 and self.down_slack is not None

    def followed(self, own: Ranking, copy: Ranking) -> Ranking:
        """Let what clients hold follow the server's own ranking, where it carries on the rest."""
        slack = self.down_slack or 0.0
        return followed(own, copy, self.first, bits=self.down_bits, slack=slack)

    def send_update(self, update: Arrays, base: Base, task: Task, *, coded: bool) -> ArrayRecord:
        """Pack what is sent of a full ranking, or of differences of weights.

        Parameters
        ----------
        update : mapping of layer to array
            With the noise of the form.
        base : Base
            The global state of the round.
        task : Task
            What the client was asked.
        coded : bool
        """
        if coded:
            return coded_record(self.encode_update(update, base, task))
        return arrays_record(self.sent(update, base, task))

    def sent(self, update: Arrays, base: Base, task: Task) -> Arrays:
        """Make what is sent of a full ranking, or of differences."""
        drawn = self.form.drawn(update, base.state, task)
        return {name: self.form.of(part) for name, part in drawn.items()}

    def encode_update(self, update: Arrays, base: Base, task: Task) -> bytes:
        """Encode what is sent of a full ranking, or of differences of weights."""
        drawn = self.form.drawn(update, base.state, task)
        codable = {name: self.form.codable(part) for name, part in drawn.items()}
        return self._encode(codable, base, task)

    def receive(
        self,
        record: ArrayRecord,
        base: Base,
        task: Task,
        *,
        coded: bool,
        heard: Unmoved | None = None,
    ) -> Received:
        """Unpack what was sent and count its bytes.

        ``heard``, of :meth:`noise_sums`, is told the noise of a ballot that could be read.

        Raises
        ------
        MalformedError
            If it is not coded although it should be, or cannot be read.
        WireError
            If it is coded and not valid against this global state.
        """
        message = coded_message(record)
        if not coded:
            if message is not None:
                raise MalformedError("wrong-dtype", "a coded message, where arrays were asked for")
            return Received(read_arrays(record, base.state), record.count_bytes())
        if message is None:
            raise MalformedError("not-coded", f"{len(record)} arrays, not {CODED!r} alone")
        given = self.form.given(base, task)
        update = wire.decode(message, _layers(base), self.update_coding, base=given)
        if heard is not None:
            heard.add(task.client, given.state)
        sent = self.form.opened(update, base, task)
        return Received(sent, record.count_bytes(), _sizes(message, base))

    def restore(self, sent: Arrays, base: Base) -> Arrays:
        """Rebuild full rankings from what was sent of them; differences of weights are as sent."""
        return {name: self.form.restore(part, base.state[name]) for name, part in sent.items()}

    def undithered(self, sent: Arrays, base: Base, task: Task) -> Arrays:
        """Rebuild updates without the noise that their client put in, which follows from the task.

        Without dither it is :meth:`restore`. Takes what :meth:`measure` takes.
        """
        return self.form.undithered(sent, base, task)

    def measure(self, sent: Arrays, base: Base, task: Task) -> Sizes:
        """Encode what a plain reply held, for its size.

        Parameters
        ----------
        sent : mapping of layer to array
            As :meth:`receive` returns it.
        base : Base
            The global state of the round.
        task : Task
            What the client was asked.
        """
        packed = {name: self.form.packed(part, base.state[name]) for name, part in sent.items()}
        return _sizes(self._encode(packed, base, task), base)

    def _encode(self, codable: Arrays, base: Base, task: Task) -> bytes:
        given = self.form.given(base, task)
        return wire.encode(codable, self.update_coding, base=given, rows=self.rows)

    def _decode_state(self, message: bytes, held: Base | None, seed: int) -> Arrays:
        if is_steps(message):
            if held is None:
                raise wire.WireError("wrong-base", "steps from a round; this side holds none")
            return self.form.follow(message, held, seed=seed).state
        known = held is not None and wire.base_round(message) == held.round
        given = self._given(held if known else None)
        if given is None:
            return wire.decode(message, self.layers, self.form.snapshot)
        if self.form.state is not None:
            return wire.decode(message, self.layers, self.form.state, base=given)
        bits = self.down_bits or None
        return decode_down(message, self.layers, held=given, bits=bits, ties=self.first)

    def _given(self, held: Base | None) -> Base | None:
        """Return what a global state is coded given; ``None`` where it travels whole."""
        if not self.first:
            return None
        return self._beginning if held is None else held

    @cached_property
    def _beginning(self) -> Base:
        return Base(0, self.first)


def _layers(base: Base) -> dict[str, int]:
    return {name: int(array.size) for name, array in base.state.items()}


def _sizes(message: bytes, base: Base) -> Sizes:
    return Sizes(len(message), wire.payload_sizes(message, _layers(base)))
