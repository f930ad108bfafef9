"""Whatever a client sends, coded or not, is a valid ballot or a counted rejection."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from flwr.app import Array, ArrayRecord, Message

from frl import wire
from frl.exchange.channel import Channel
from frl.exchange.forms import Ballots, Form
from frl.exchange.messages import arrays_record, read_arrays, read_task
from frl.exchange.state_reader import StateReader
from frl.wire import Base
from tests.strategies.coded import (
    BASE,
    ROWS,
    assert_same,
    channel,
    honest,
    ranking,
    run_round,
    vote,
    vote_of,
)


def sealed(body: bytes) -> bytes:
    """Give a changed message a checksum that fits."""
    return body[:-4] + struct.pack("<I", zlib.crc32(body[:-4]))


def flipped(message: bytes, place: int) -> bytes:
    return message[:place] + bytes([message[place] ^ 0x10]) + message[place + 1 :]


def other_round(client: int, coding: wire.Coding, form: Form) -> bytes:
    return encoded(client, coding, form, Base(7, BASE.state))


def other_base(client: int, coding: wire.Coding, form: Form) -> bytes:
    return encoded(client, coding, form, Base(1, ranking(5)))


def encoded(client: int, coding: wire.Coding, form: Form, base: Base = BASE) -> bytes:
    update = ranking(client)
    if isinstance(form, Ballots):
        update = {name: form.of(positions) for name, positions in update.items()}
    return wire.encode(update, coding, base=base, rows=ROWS)


def of_other_model(client: int, coding: wire.Coding, form: Form) -> bytes:
    update = {"conv": ranking(client)["conv"]}
    return wire.encode(update, wire.codings.make("fixed"))


MALFORMED: dict[str, tuple[str, Callable[[bytes, int, wire.Coding, Form], bytes]]] = {
    "empty": ("truncated", lambda m, *_: b""),
    "a header alone": ("checksum", lambda m, *_: m[:56]),
    "cut": ("checksum", lambda m, *_: m[:-9]),
    "a bit flipped": ("checksum", lambda m, *_: flipped(m, 80)),
    "another protocol": ("magic", lambda m, *_: sealed(b"XXXX" + m[4:])),
    "another version": ("version", lambda m, *_: sealed(m[:4] + b"\x09" + m[5:])),
    "another coding": ("wrong-coding", lambda m, *_: sealed(m[:5] + b"\x07" + m[6:])),
    "another parameter": ("wrong-coding", lambda m, *_: sealed(flipped(m, 8))),
    "a giant": ("too-large", lambda m, *_: m + bytes(10**6)),
    "another round": ("wrong-base", lambda m, c, coding, form: other_round(c, coding, form)),
    "another base": ("wrong-base", lambda m, c, coding, form: other_base(c, coding, form)),
    "layers renamed": ("wrong-model", lambda m, *_: sealed(flipped(m, 20))),
    "more edges": ("wrong-model", lambda m, *_: sealed(flipped(m, 28))),
    "bytes after the end": ("trailing-bytes", lambda m, *_: sealed(m + b"\x00" * 4)),
}


@pytest.mark.parametrize("way", ["delta", "ballot-4", "sparse-delta-mean"])
@pytest.mark.parametrize("kind", MALFORMED)
def test_a_malformed_coded_reply_is_a_counted_rejection(kind: str, way: str) -> None:
    reason, make = MALFORMED[kind]
    line = channel(way, coded=True)
    form, coding = line.form, line.update_coding

    def answer(message: Message) -> Any:
        record, client = honest(message, line), read_task(message).client
        if client not in (2, 5):
            return record
        data = make(record["coded"].data, client, coding, form)
        return {"coded": Array("uint8", (len(data),), "frl.wire", data)}

    strategy = vote(line)
    found = run_round(strategy, lambda message: as_record(answer(message)))

    assert strategy.report is not None
    assert strategy.report.reasons == {reason: 2}
    assert [row.client for row in strategy.report.rejected] == [2, 5]
    assert_same(found, vote_of(way, [0, 1, 3, 4, 6, 7]))


def as_record(arrays: Any) -> ArrayRecord:
    return arrays if isinstance(arrays, ArrayRecord) else ArrayRecord(arrays)


@pytest.mark.parametrize("way", ["delta", "ballot-4", "sparse-delta-zero"])
def test_payloads_of_noise_are_rejected(way: str) -> None:
    """Every byte after the header is another, and the checksum fits."""
    line = channel(way, coded=True)

    def answer(message: Message) -> Any:
        record, client = honest(message, line), read_task(message).client
        if client not in (2, 5):
            return record
        data, rng = record["coded"].data, np.random.default_rng(client)
        noise = sealed(data[:52] + rng.bytes(len(data) - 52))
        return as_record({"coded": Array("uint8", (len(noise),), "frl.wire", noise)})

    strategy = vote(line)
    found = run_round(strategy, answer)

    assert strategy.report is not None
    assert [row.client for row in strategy.report.rejected] == [2, 5]
    assert_same(found, vote_of(way, [0, 1, 3, 4, 6, 7]))


def test_plain_replies_to_coded_requests_and_the_other_way_round_are_rejected() -> None:
    for asked in (True, False):
        line = channel("delta", coded=asked)
        strategy = vote(line)

        def answer(message: Message, line: Channel = line, asked: bool = asked) -> Any:
            base, task = StateReader(line)(message), read_task(message)
            other = asked != (task.client == 3)
            return line.send_update(ranking(task.client), base, task, coded=other)

        found = run_round(strategy, answer)

        assert strategy.report is not None
        expected = {"not-coded": 1} if asked else {"wrong-dtype": 1}
        assert strategy.report.reasons == expected
        assert_same(found, vote_of("delta", [0, 1, 2, 4, 5, 6, 7]))


def off_by(sent: np.ndarray, edges: Any, value: int) -> np.ndarray:
    changed = sent.copy()
    changed[edges] = value
    return changed


PLAIN: dict[str, tuple[str, str, Callable[[np.ndarray], np.ndarray]]] = {
    "all in the highest bucket": ("ballot-4", "wrong-counts", lambda b: off_by(b, slice(None), 15)),
    "one bucket up": (
        "ballot-4", "wrong-counts", lambda b: off_by(b, int(np.flatnonzero(b == 3)[0]), 4),
    ),
    "no such bucket": ("ballot-4", "out-of-range", lambda b: off_by(b, 7, 16)),
    "full ranks": ("ballot-4", "wrong-dtype", lambda b: b.astype(np.int32)),
    "a rank twice": (
        "sparse-mean",
        "not-a-permutation",
        lambda v: off_by(v, int(v.argmax()), int(np.sort(v)[-2])),
    ),
    "an odd double": (
        "sparse-mean", "out-of-range", lambda v: off_by(v, int(v.argmax()), int(v.max()) - 1),
    ),
    "above the top": (
        "sparse-mean", "out-of-range", lambda v: off_by(v, int(v.argmax()), int(v.max()) + 2),
    ),
    "negative": ("sparse-mean", "out-of-range", lambda v: off_by(v, 0, -2)),
    "one edge more": (
        "sparse-mean", "wrong-counts", lambda v: off_by(v, int(v.argmin()), int(v.max())),
    ),
    "zero where the mean belongs": (
        "sparse-mean", "wrong-counts", lambda v: off_by(v, v == v.min(), 0),
    ),
    "the mean where zero belongs": (
        "sparse-zero", "wrong-counts", lambda v: off_by(v, v == v.min(), 1000),
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", PLAIN)
def test_a_malformed_plain_ballot_is_a_counted_rejection(kind: str) -> None:
    way, reason, change = PLAIN[kind]
    line = channel(way, coded=False)

    def answer(message: Message) -> Any:
        record, client = honest(message, line), read_task(message).client
        if client not in (2, 5):
            return record
        arrays = read_arrays(record)
        return arrays_record({**arrays, "fc": change(arrays["fc"])})

    strategy = vote(line)
    found = run_round(strategy, answer)

    assert strategy.report is not None
    assert strategy.report.reasons == {reason: 2}
    assert_same(found, vote_of(way, [0, 1, 3, 4, 6, 7]))
