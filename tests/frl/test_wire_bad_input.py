"""Every way a message can be wrong has its reason."""

import pickle
import struct
import tracemalloc
import zlib

import numpy as np
import pytest

from experiments.benchmarks.rankings import base_ranking, moved_ranking
from frl import wire
from frl.errors import FRLError, InputError
from frl.exchange.ballots import ballot
from frl.wire.codings import delta
from frl.wire.compression import buckets
from frl.wire.compression.bitpack import pack, width_for
from frl.wire.header import header_size

LAYERS = {"a": 600, "b": 5000}
BASE = wire.Base(3, base_ranking(LAYERS, 0))
RANKING = moved_ranking(BASE.state, {"a": 10, "b": 10}, 1)
FIXED, DELTA, BALLOT = map(wire.codings.make, ("fixed", "delta", "ballot"))


def sealed(body):
    """Put a right checksum on a body, so that what comes after it is reached."""
    return bytes(body) + struct.pack("<I", zlib.crc32(bytes(body)))


def reason(message, coding=FIXED, layers=LAYERS, base=BASE):
    with pytest.raises(wire.WireError) as caught:
        wire.decode(message, layers, coding, base=base)
    assert isinstance(caught.value, FRLError)
    return caught.value.reason


@pytest.fixture
def message():
    return wire.encode(RANKING, FIXED)


def test_truncated(message):
    assert reason(b"") == "truncated"
    assert reason(message[:10]) == "truncated"
    assert reason(sealed(message[:-5])) == "truncated"
    assert reason(sealed(message[:30])) == "truncated"


def test_cut_or_flipped_on_the_way(message):
    flipped = bytearray(message)
    flipped[100] ^= 1
    assert reason(message[:-1]) == "checksum"
    assert reason(flipped) == "checksum"


def test_too_large(message):
    assert reason(message + bytes(1)) == "too-large"
    assert reason(message + bytes(10**6)) == "too-large"


def test_bytes_after_the_end(message):
    sent = wire.encode(RANKING, DELTA, base=BASE)
    assert reason(sealed(sent[:-4] + b"x"), DELTA) == "trailing-bytes"


def test_one_layer_larger_than_it_can_be(message):
    longer = bytearray(message[:-4])
    start = header_size(0) - 4
    first, second = (struct.unpack_from("<I", message, start + 16 * k + 12)[0] for k in (0, 1))
    struct.pack_into("<I", longer, start + 12, first + 100)
    struct.pack_into("<I", longer, start + 28, second - 100)
    assert reason(sealed(longer)) == "too-large"


def test_not_this_protocol(message):
    assert reason(b"GIF8" + message[4:]) == "magic"


def test_another_version_even_though_its_checksum_may_lie_elsewhere(message):
    assert reason(message[:4] + bytes([2]) + message[5:]) == "version"


def test_another_coding_or_other_parameters(message):
    assert reason(message, DELTA) == "wrong-coding"
    votes = {name: ballot(positions, 3) for name, positions in RANKING.items()}
    three = wire.encode(votes, wire.codings.make("ballot", bits=3), base=BASE)
    assert reason(three, BALLOT) == "wrong-coding"


def test_another_model(message):
    assert reason(message, layers={"a": 600}) == "too-large"
    assert reason(message, layers={"a": 600, "b": 5001}) == "wrong-model"
    assert reason(message, layers={"a": 600, "c": 5000}) == "wrong-model"
    assert reason(message, layers={"a": 600, "b": 5000, "c": 9}) == "wrong-model"


def test_another_base():
    sent = wire.encode(RANKING, DELTA, base=BASE)
    assert reason(sent, DELTA, base=wire.Base(4, BASE.state)) == "wrong-base"
    assert reason(sent, DELTA, base=wire.Base(3, RANKING)) == "wrong-base"


def test_a_coding_without_a_base_names_none(message):
    body = bytearray(message[:-4])
    body[12] = 1
    assert reason(sealed(body)) == "wrong-base"


def test_not_a_permutation():
    layers = {"a": 100}
    good = wire.encode(base_ranking(layers, 0), FIXED)
    for value, expected in ((0, "not-a-permutation"), (127, "out-of-range")):
        payload = pack(np.array([value] * 100), width_for(100))
        assert reason(sealed(good[: -4 - len(payload)] + payload), layers=layers) == expected


def test_blocks_that_do_not_hold_sixteen_edges(monkeypatch):
    predicted = delta._predicted

    def off_by_one_edge(base, drift):
        blocks = predicted(base, drift)
        blocks[7] += 1
        return blocks

    monkeypatch.setattr(delta, "_predicted", off_by_one_edge)
    message = wire.encode(RANKING, DELTA, base=BASE)
    monkeypatch.undo()
    assert reason(message, DELTA) == "not-a-permutation"


def test_a_ballot_that_votes_more_than_others():
    layers = {"a": 64}
    base = wire.Base(0, base_ranking(layers, 0))
    coding = wire.codings.make("ballot", bits=4)
    votes = {"a": ballot(base_ranking(layers, 1)["a"], 4)}
    good = wire.encode(votes, coding, base=base)
    length = struct.unpack_from("<I", good, header_size(0) - 4 + 12)[0]
    greedy = bytearray(good[: -4 - length] + bytes(1) + pack(np.full(64, 15), 4))
    struct.pack_into("<I", greedy, header_size(0) - 4 + 12, 33)
    assert reason(sealed(greedy), coding, layers, base) == "wrong-counts"


def test_a_bucket_below_the_first(monkeypatch):
    table = buckets.bucket_table
    monkeypatch.setattr(buckets, "bucket_table", lambda edges: table(edges) + np.uint8(1))
    votes = {name: ballot(positions, 4) for name, positions in RANKING.items()}
    message = wire.encode(votes, BALLOT, base=BASE)
    monkeypatch.undo()
    assert reason(message, BALLOT) == "out-of-range"


def test_an_edge_sent_twice():
    layers = {"a": 100}
    coding = wire.codings.make("sparse", share=0.1)
    good = wire.encode(base_ranking(layers, 0), coding)
    for value, expected in ((5, "not-a-permutation"), (100, "out-of-range")):
        payload = pack(np.array([value] * 10), 7)
        assert reason(sealed(good[: -4 - len(payload)] + payload), coding, layers) == expected


def test_a_mask_that_keeps_too_many():
    mask = {"a": np.ones(10, dtype=np.bool_)}
    message = wire.encode(mask, wire.codings.make("mask"))
    body = bytearray(message[:-4])
    struct.pack_into("<I", body, 8, 500_000)
    half = wire.codings.make("mask", keep=0.5)
    assert reason(sealed(body), half, {"a": 10}) == "wrong-counts"


def test_a_compressed_bomb_takes_no_memory():
    n = 200_000
    layers = {"a": n}
    base = wire.Base(0, base_ranking(layers, 0))
    good = wire.encode(base_ranking(layers, 1), DELTA, base=base)
    bomb = zlib.compress(bytes(50_000_000), 9)
    table = bytes([2]) + struct.pack("<II", len(bomb), 0) + bomb
    body = bytearray(good[: header_size(1) - 4] + bytes([16]) + table)
    struct.pack_into("<I", body, header_size(0) - 4 + 12, len(body) - header_size(1) + 4)
    tracemalloc.start()
    assert reason(sealed(body), DELTA, layers, base) == "corrupt"
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 20 * n


@pytest.mark.parametrize("place", [8, 12, 36])
def test_sizes_in_a_message_are_not_believed(place):
    layers = {"a": 2000}
    base = wire.Base(0, base_ranking(layers, 0))
    body = bytearray(wire.encode(moved_ranking(base.state, {"a": 10}, 1), DELTA, base=base)[:-4])
    start = header_size(1) - 4
    struct.pack_into("<I", body, start + place - 6, 2**32 - 1)
    tracemalloc.start()
    with pytest.raises(wire.WireError):
        wire.decode(sealed(body), layers, DELTA, base=base)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1_000_000


def test_senders_are_told_at_once():
    with pytest.raises(wire.WireError, match="not-a-permutation"):
        wire.encode({"a": np.zeros(9, dtype=np.int32)}, FIXED)
    with pytest.raises(InputError, match="takes int32, got int64"):
        wire.encode({"a": np.arange(9)}, FIXED)
    with pytest.raises(InputError, match="needs a base"):
        wire.encode(RANKING, DELTA)
    with pytest.raises(InputError, match="another model"):
        wire.encode({"a": RANKING["a"]}, DELTA, base=BASE)


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("ballot", {"bits": 9}),
        ("sparse", {"share": 0.0}),
        ("mask", {"keep": 2}),
        ("topk", {"share": 0}),
    ],
)
def test_impossible_parameters(name, parameters):
    with pytest.raises(InputError):
        wire.codings.make(name, **parameters)


def test_codes_on_the_wire_are_unique():
    codes = [wire.codings.get(name).code for name in wire.codings.list()]
    assert len(set(codes)) == len(codes)
    assert all(1 <= code <= 255 for code in codes)


def test_errors_travel_between_processes():
    error = wire.WireError("checksum", "text")
    back = pickle.loads(pickle.dumps(error))
    assert (back.reason, str(back)) == ("checksum", "checksum: text")
