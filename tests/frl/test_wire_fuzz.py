"""Mutated messages: refused with a reason, or a valid update; never a crash, never more memory."""

import struct
import tracemalloc
import zlib

import numpy as np
import pytest

from experiments.analysis.rankings import base_ranking, moved_ranking
from frl import wire
from frl.exchange.ballots import ballot
from frl.ranking import kept_edges, top_mask
from frl.wire.codings.klms import choice_fault
from frl.wire.header import header_size

LAYERS = {"tiny": 7, "small": 90, "middle": 1500}
ROWS = {"tiny": 1, "small": 9, "middle": 30}
BASE = wire.Base(3, base_ranking(LAYERS, 0))
RANKING = moved_ranking(BASE.state, ROWS, 1)
SHARES = wire.Base(3, {name: (p % 26 / 25).astype(np.float32) for name, p in BASE.state.items()})
CODINGS = (
    wire.codings.make("fixed"),
    wire.codings.make("delta"),
    wire.codings.make("ballot", bits=4),
    wire.codings.make("ballot", bits=1),
    wire.codings.make("ballot", bits=8),
    wire.codings.make("sparse", share=0.5),
    wire.codings.make("sparse-delta", share=0.5),
    wire.codings.make("mask", keep=0.5),
    wire.codings.make("topk", share=0.1),
    wire.codings.make("bernoulli"),
    wire.codings.make("bernoulli", shared=True),
    wire.codings.make("palette"),
    wire.codings.make("multiples"),
    wire.codings.make("masked-noise"),
    wire.codings.make("klms", bits=6),
)
ON_REALS = ("Bernoulli", "Palette", "Multiples", "MaskedNoise", "Klms")


def update_for(coding):
    name = type(coding).__name__
    if name == "Ballot":
        return {layer: ballot(positions, coding.bits) for layer, positions in RANKING.items()}
    if name == "Mask":
        return {layer: top_mask(positions, coding.keep) for layer, positions in RANKING.items()}
    if name == "TopK":
        return {layer: positions.astype(np.float32) for layer, positions in RANKING.items()}
    if name == "Bernoulli":
        rng = np.random.default_rng(0)
        return {layer: (rng.random(p.size) < p).astype(np.uint8) for layer, p in base_for(coding)}
    if name == "Klms":
        return {layer: choices(n) for layer, n in LAYERS.items()}
    if name == "MaskedNoise":
        return {layer: p * (RANKING[layer] % 16 == 0) for layer, p in base_for(coding)}
    if name == "Palette":
        return {layer: (RANKING[layer] % 26 / 25).astype(np.float32) for layer in LAYERS}
    if name == "Multiples":
        return {
            layer: (p + RANKING[layer] % 3 / 4).astype(np.float32) for layer, p in base_for(coding)
        }
    return RANKING


def choices(n):
    """Blocks of 5, one of 20 edges among them."""
    starts = np.setdiff1d(np.arange(0, n, 5), [15, 20, 25])
    return np.bincount(starts, 1 + starts % 64, minlength=n).astype(np.uint16)


def base_for(coding):
    """Layers and values of the base that a coding takes."""
    if type(coding).__name__ == "Multiples":
        return [(layer, np.round(p * 25) / np.float32(4)) for layer, p in SHARES.state.items()]
    return list(SHARES.state.items())


def given(coding):
    return wire.Base(3, dict(base_for(coding))) if type(coding).__name__ in ON_REALS else BASE


MESSAGES = [
    wire.encode(update_for(coding), coding, base=given(coding), rows=ROWS) for coding in CODINGS
]


def sizes_of(values):
    return np.unique(values, return_counts=True)


def is_valid(coding, n, values):
    """Whether an array is what some honest client could have sent."""
    name = type(coding).__name__
    if name in ("Fixed", "Delta"):
        return np.array_equal(np.sort(values), np.arange(n))
    if name == "Ballot":
        expected = ballot(np.arange(n, dtype=np.int32), coding.bits)
        return np.array_equal(np.sort(values), expected)
    if name in ("Sparse", "SparseDelta"):
        sent = kept_edges(n, coding.share)
        expected = np.full(n, max(n - sent - 1, 0))
        expected[n - sent :] = 2 * np.arange(n - sent, n)
        return np.array_equal(np.sort(values), np.sort(expected))
    if name == "Mask":
        return values.sum() == kept_edges(n, coding.keep)
    if name == "Bernoulli":
        return values.dtype == np.uint8 and (values <= 1).all()
    if name == "Klms":
        return values.dtype == np.uint16 and choice_fault(values, coding.bits) is None
    if name in ("Palette", "Multiples", "MaskedNoise"):
        return values.dtype == np.float32
    return np.count_nonzero(values) <= kept_edges(n, coding.share)


def mutate(message, rng):
    data = bytearray(message)
    for _ in range(rng.integers(1, 4)):
        kind = rng.integers(8)
        place = int(rng.integers(max(len(data), 1)))
        stop = place + int(rng.integers(1, 40))
        if not data or kind == 0:
            data += rng.bytes(int(rng.integers(1, 50)))
        elif kind == 1:
            data[place] ^= 1 << int(rng.integers(8))
        elif kind == 2:
            del data[place:]
        elif kind == 3:
            del data[place:stop]
        elif kind == 4:
            data[place:place] = data[place:stop]
        elif kind == 5:
            other = MESSAGES[rng.integers(len(MESSAGES))]
            data[place:stop] = other[place:stop]
        elif kind == 6:
            data[place:stop] = bytes([int(rng.choice([0, 255]))]) * (stop - place)
        elif len(data) >= 4:
            place = min(place, len(data) - 4)
            value = int(rng.choice([0, 1, 255, 2**16, 2**31 - 1, 2**31, 2**32 - 1]))
            struct.pack_into("<I", data, place, value)
    return bytes(data)


def mutate_payload(message, rng):
    """Change payload bytes only and keep the header true, so that every check of it passes."""
    start = header_size(len(LAYERS)) - 4
    data = bytearray(message[:-4])
    for _ in range(rng.integers(1, 4)):
        place = int(rng.integers(start, len(data)))
        if rng.integers(2):
            data[place] ^= 1 << int(rng.integers(8))
        else:
            data[place] = int(rng.integers(256))
    return bytes(data)


def sealed(body):
    return body + struct.pack("<I", zlib.crc32(body))


def admitted(count, seed):
    rng = np.random.default_rng(seed)
    reasons = {}
    for trial in range(count):
        which = int(rng.integers(len(CODINGS)))
        coding, message = CODINGS[which], MESSAGES[which]
        if trial % 3 == 0:
            message = mutate(message, rng)
        elif trial % 3 == 1:
            message = sealed(mutate(message[:-4], rng))
        else:
            message = sealed(mutate_payload(message, rng))
        try:
            decoded = wire.decode(message, LAYERS, coding, base=given(coding))
        except wire.WireError as error:
            reasons[error.reason] = reasons.get(error.reason, 0) + 1
            continue
        reasons["admitted"] = reasons.get("admitted", 0) + 1
        assert list(decoded) == list(LAYERS)
        for name, n in LAYERS.items():
            assert decoded[name].shape == (n,)
            assert is_valid(coding, n, decoded[name])
    return reasons


def test_mutated_messages_are_refused_or_valid():
    reasons = admitted(3_000, seed=0)
    assert {"checksum", "truncated", "corrupt", "wrong-counts", "not-a-permutation"} <= set(reasons)
    assert reasons.get("admitted", 0) < 1_000


@pytest.mark.parametrize("coding", CODINGS[-6:], ids=str)
def test_what_few_symbols_cost_is_entropy_coded_where_the_fuzz_finds_it(coding):
    """The messages that are mutated above are the interesting kind, not the fallback."""
    message = MESSAGES[CODINGS.index(coding)]
    sizes = wire.payload_sizes(message, LAYERS)
    assert sizes["middle"] < coding.limit(LAYERS["middle"]) / 1.1


def test_mutated_messages_take_bounded_memory():
    admitted(30, seed=2)
    tracemalloc.start()
    admitted(300, seed=1)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 3_000_000


@pytest.mark.soak
def test_a_hundred_thousand_mutated_messages():
    for seed in range(20):
        admitted(5_000, seed=100 + seed)
