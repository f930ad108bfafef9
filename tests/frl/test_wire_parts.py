"""The parts that codings are made of, each against an oracle."""

import itertools
import math
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from frl.wire.boundaries import boundaries, bucket_table
from frl.wire.compression.activity import CLASSES, decode_activity, encode_activity, measure
from frl.wire.compression.bitpack import pack, packed_size, unpack, width_for
from frl.wire.compression.blocks import BLOCK, decode_orders, encode_orders
from frl.wire.compression.byte_counts import byte_counts
from frl.wire.compression.grouping import grouped, scattered
from frl.wire.compression.integers import decode_integers, encode_integers, integers_size
from frl.wire.compression.places import PLACES, place_table
from frl.wire.compression.tables import WEIGHTS, quantise
from frl.wire.errors import WireError
from frl.wire.reader import Reader


@pytest.mark.parametrize(("n", "width"), [(0, 0), (1, 0), (2, 1), (3, 2), (4, 2), (5, 3)])
def test_width_is_the_ceiling_of_the_logarithm(n, width):
    assert width_for(n) == width


@given(
    count=st.one_of(st.integers(0, 40), st.integers(65_530, 65_545)),
    width=st.integers(0, 63),
    seed=st.integers(0, 99),
)
def test_packing_is_one_little_endian_number(count, width, seed):
    values = np.random.default_rng(seed).integers(0, 1 << width, count, dtype=np.uint64)
    packed = pack(values, width)
    assert len(packed) == packed_size(count, width) == math.ceil(count * width / 8)
    assert np.array_equal(unpack(packed, count, width), values)
    if count <= 40:
        number = sum(int(value) << (width * place) for place, value in enumerate(values))
        assert int.from_bytes(packed, "little") == number


@pytest.mark.parametrize(("change", "reason"), [(-1, "truncated"), (1, "trailing-bytes")])
def test_unpacking_takes_exactly_the_right_length(change, reason):
    packed = pack(np.arange(9), 5) + bytes(1)
    with pytest.raises(WireError) as caught:
        unpack(packed[: len(packed) - 1 + change], 9, 5)
    assert caught.value.reason == reason


@pytest.mark.parametrize("n", [0, 7, (1 << 18) - 1, 1 << 18, (1 << 18) + 1])
def test_bytes_are_counted_also_in_pairs(n):
    values = np.random.default_rng(n).integers(0, 256, 2 * n, dtype=np.uint8)[::2]
    values[-1:] = 255
    counts = np.zeros(256, int)
    np.add.at(counts, values, 1)

    assert np.array_equal(byte_counts(values), counts)


def test_unused_bits_must_be_zero():
    packed = bytearray(pack(np.arange(3), 3))
    packed[-1] |= 0x80
    with pytest.raises(WireError, match="padding"):
        unpack(bytes(packed), 3, 3)


def test_table_entries_are_within_a_sixteenth_and_never_lose_a_symbol():
    counts = np.concatenate([np.arange(5000), np.array([10**6, 10**9, 2**32])])
    back = WEIGHTS[quantise(counts)]
    assert (np.diff(WEIGHTS) > 0).all()
    assert back[0] == 0
    assert (np.abs(back - counts) <= counts / 16).all()
    assert np.array_equal(back[:16], counts[:16])


@given(
    n=st.one_of(st.integers(0, 60), st.integers(0, 20_000)),
    scale=st.sampled_from([0, 0.3, 3.0, 300.0, 2.0**20]),
    contexts=st.sampled_from([None, 1, 5, 256]),
    seed=st.integers(0, 99),
)
def test_integers_come_back(n, scale, contexts, seed):
    rng = np.random.default_rng(seed)
    values = (rng.standard_normal(n) * scale).astype(np.int32)
    known = None if contexts is None else rng.integers(0, contexts, n).astype(np.uint8)
    reader = Reader(encode_integers(values, known))
    assert np.array_equal(decode_integers(reader, n, known), values)
    reader.finish()


@pytest.mark.parametrize("value", [2**24 - 1, 1 - 2**24])
def test_the_largest_integers_come_back(value):
    values = np.array([0, value, 1], dtype=np.int32)
    assert np.array_equal(decode_integers(Reader(encode_integers(values)), 3), values)


def coded(alphabet, tables, words):
    """Lay out coded integers by hand."""
    packed = zlib.compress(bytes(tables), 9)
    head = struct.pack("<BII", alphabet, len(packed), len(words))
    return head + packed + np.array(words, dtype="<u4").tobytes()


def test_the_layout_by_hand_is_that_of_the_encoder():
    assert coded(2, [27, 0], []) == encode_integers(np.zeros(44, dtype=np.int32))


@pytest.mark.parametrize(
    ("alphabet", "tables", "words"),
    [
        (0, [], []),
        (1, [9], []),
        (50, [9] * 50, []),
        (2, [0, 0], []),
        (2, [9], []),
        (2, [9, 0, 0], []),
        (2, [27, 0], [77, 78]),
        (2, [27, 0], [1, 0]),
    ],
    ids=["none", "one", "many", "zero", "short", "long", "words left", "last word zero"],
)
def test_integers_that_nobody_encoded_are_corrupt(alphabet, tables, words):
    with pytest.raises(WireError) as caught:
        decode_integers(Reader(coded(alphabet, tables, words)), 44)
    assert caught.value.reason == "corrupt"


def test_larger_integers_are_refused():
    with pytest.raises(ValueError, match="24 bits"):
        encode_integers(np.array([2**24], dtype=np.int32))


def test_the_size_of_coded_integers_is_their_entropy():
    n = 200_000
    rng = np.random.default_rng(0)
    contexts = rng.integers(0, 2, n).astype(np.uint8)
    values = np.where(rng.random(n) < np.where(contexts, 0.5, 0.01), 1, 0).astype(np.int32)
    entropy = sum(
        -count * (p * math.log2(p) + (1 - p) * math.log2(1 - p))
        for context in (0, 1)
        for count in [np.count_nonzero(contexts == context)]
        for p in [values[contexts == context].mean()]
    )
    assert len(encode_integers(values, contexts)) * 8 < entropy * 1.01 + 400


def test_every_order_of_a_block_has_its_own_code():
    first = np.array(list(itertools.permutations(range(5))), dtype=np.int32)
    ids = np.hstack([first, np.tile(np.arange(5, BLOCK, dtype=np.int32), (len(first), 1))])
    payload = encode_orders(ids)
    ascending = np.tile(np.arange(BLOCK, dtype=np.int32), (len(ids), 1))
    assert np.array_equal(decode_orders(memoryview(payload), ascending), ids)
    assert len({encode_orders(row[None]) for row in ids}) == math.factorial(5)


def test_an_order_is_its_place_among_all_orders_sorted():
    descending = np.arange(BLOCK, dtype=np.int32)[::-1][None]
    code = int.from_bytes(encode_orders(np.ascontiguousarray(descending)), "little")
    assert code == math.factorial(BLOCK) - 1


def test_a_number_that_is_no_order_is_refused():
    payload = math.factorial(BLOCK).to_bytes(6, "little")
    with pytest.raises(WireError, match="not-a-permutation"):
        decode_orders(memoryview(payload), np.arange(BLOCK, dtype=np.int32)[None])


@given(n=st.integers(0, 4000), bits=st.integers(1, 8), places=st.sampled_from(PLACES))
def test_places_cover_every_rank(n, bits, places):
    table = place_table(boundaries(n, bits), places)
    assert table.shape == (n,)
    assert not n or int(table.max()) < places


def test_places_tell_the_distance_to_the_nearest_inner_boundary():
    n = 1 << 14
    edges = boundaries(n, 2)
    table, bucket = place_table(edges, 16), bucket_table(edges)
    for rank in range(0, n, 37):
        below = rank - edges[bucket[rank]] if bucket[rank] > 0 else n
        above = edges[bucket[rank] + 1] - rank - 1 if bucket[rank] < 3 else n
        octave = sum(min(below, above) >= n >> shift for shift in range(4, 11))
        assert table[rank] == (octave if below < above else 15 - octave)


@given(
    rows=st.integers(1, 60),
    columns=st.integers(1, 80),
    known=st.booleans(),
    seed=st.integers(0, 99),
)
def test_activity_comes_back(rows, columns, known, seed):
    movement = np.random.default_rng(seed).integers(0, 9, rows * columns).astype(np.uint8)
    activity = measure(movement, rows if known else None)
    back = decode_activity(Reader(encode_activity(activity)), movement.size)
    assert np.array_equal(back.classes(movement.size), activity.classes(movement.size))
    assert int(back.classes(movement.size).max()) < CLASSES


@pytest.mark.parametrize(
    ("width", "by_column", "levels"), [(0, 0, [0]), (65, 0, [0]), (64, 2, [0]), (64, 0, [21])]
)
def test_activity_that_fits_no_layer_is_corrupt(width, by_column, levels):
    rows = encode_integers(np.array(levels, dtype=np.int32))
    with pytest.raises(WireError) as caught:
        decode_activity(Reader(struct.pack("<IB", width, by_column) + rows), 64)
    assert caught.value.reason == "corrupt"


def test_activity_tells_quiet_rows_and_columns_from_lively_ones():
    movement = np.ones((64, 64), dtype=np.uint8)
    movement[5] = 0
    movement[:, 9] = 0
    movement[20] = 8
    classes = measure(movement.reshape(-1), 64).classes(64 * 64).reshape(64, 64)
    assert classes[5, 0] < classes[1, 0] < classes[20, 0]
    assert classes[1, 9] < classes[1, 0]


@given(st.integers(0, 99), st.sampled_from([1, 5, 70_000, 140_001]), st.integers(1, 256))
@settings(max_examples=20)
def test_symbols_are_grouped_by_context_and_put_back(seed: int, n: int, contexts: int) -> None:
    rng = np.random.default_rng(seed)
    symbols, held = (rng.integers(0, most, n).astype(np.uint8) for most in (7, contexts))

    runs = grouped(symbols, held)

    expected = [symbols[held == context] for context in np.unique(held)]
    assert len(runs) == len(expected)
    for run, wanted in zip(runs, expected, strict=True):
        np.testing.assert_array_equal(run, wanted)
    np.testing.assert_array_equal(scattered(np.concatenate(runs), held), symbols)


@pytest.mark.parametrize(("n", "spread"), [(500, 1.0), (20_000, 0.2), (20_000, 300.0)])
def test_integers_take_as_much_as_was_estimated(n: int, spread: float) -> None:
    rng = np.random.default_rng(0)
    values = np.rint(rng.normal(0, spread, n)).astype(np.int32)
    contexts = rng.integers(0, 9, n).astype(np.uint8)

    size = len(encode_integers(values, contexts))

    assert abs(integers_size(values, contexts) - size) < 16 + 0.01 * size
