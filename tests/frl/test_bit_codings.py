"""Codings of drawn bits and of the states they lead to: exact, and as small as entropy allows."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from frl import wire

N = 40_000


def roundtrip(coding: wire.Coding, values: np.ndarray, base: np.ndarray, rows: int = 8) -> int:
    held = wire.Base(5, {"a": base})
    message = wire.encode({"a": values}, coding, base=held, rows={"a": rows})
    found = wire.decode(message, {"a": values.size}, coding, base=held)["a"]
    assert found.dtype == values.dtype
    np.testing.assert_array_equal(found, values)
    return wire.payload_sizes(message, {"a": values.size})["a"]


def entropy(p: np.ndarray) -> float:
    """Bits that draws of these probabilities take in the mean."""
    p = np.clip(p.astype(np.float64), 1e-12, 1 - 1e-12)
    return float(-(p * np.log2(p) + (1 - p) * np.log2(1 - p)).sum())


@given(st.integers(0, 3000), st.booleans(), st.integers(0, 99))
@example(0, False, 0)
@example(1, True, 0)
def test_bits_come_back(n: int, shared: bool, seed: int) -> None:
    rng = np.random.default_rng(seed)
    base = rng.random(n, dtype=np.float32) - np.float32(0.5 * shared)
    bits = (rng.random(n) < 0.3).astype(np.uint8)

    roundtrip(wire.codings.make("bernoulli", shared=shared), bits, base)


@pytest.mark.parametrize("votes", [25, 100])
def test_drawn_bits_take_what_their_probabilities_say(votes: int) -> None:
    rng = np.random.default_rng(0)
    p = (rng.integers(0, votes + 1, N) / votes).astype(np.float32)
    bits = (rng.random(N) < p).astype(np.uint8)

    size = 8 * roundtrip(wire.codings.make("bernoulli"), bits, p)

    assert entropy(p) * 0.98 < size < entropy(p) * 1.02 + 8 * 200


def test_given_the_noise_only_moved_probabilities_cost() -> None:
    """A bit differs from what is likely where the noise lies between the two probabilities."""
    rng = np.random.default_rng(0)
    p, coins = rng.random(N, dtype=np.float32), rng.random(N, dtype=np.float32)
    moved = np.clip(p + np.float32(0.02) * rng.standard_normal(N, dtype=np.float32), 0, 1)
    bits = (coins < moved).astype(np.uint8)

    plain = 8 * roundtrip(wire.codings.make("bernoulli"), bits, p)
    known = 8 * roundtrip(wire.codings.make("bernoulli", shared=True), bits, p - coins)
    still = 8 * roundtrip(
        wire.codings.make("bernoulli", shared=True), (coins < p).astype(np.uint8), p - coins
    )

    assert plain > 0.7 * N
    assert known < 0.1 * N
    assert still < 0.02 * N


@given(st.integers(0, 600), st.integers(1, 300), st.integers(0, 99))
def test_values_come_back(n: int, different: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    base, palette = rng.random(n, dtype=np.float32), rng.random(different, dtype=np.float32)
    values = palette[rng.integers(0, different, n)]

    roundtrip(wire.codings.make("palette"), values, base)


def test_shares_of_a_vote_take_their_entropy_given_the_last() -> None:
    rng = np.random.default_rng(0)
    last = (rng.binomial(25, 0.1, N) / 25).astype(np.float32)
    now = (rng.binomial(25, last) / 25).astype(np.float32)
    _, joint = np.unique(np.stack([last, now]), axis=1, return_counts=True)
    _, alone = np.unique(last, return_counts=True)
    bits = sum(-c * np.log2(c / N) for c in joint) - sum(-c * np.log2(c / N) for c in alone)

    size = 8 * roundtrip(wire.codings.make("palette"), now, last)

    assert bits < size < 1.1 * bits + 8 * 400


@given(
    st.integers(0, 600),
    st.integers(-12, 12),
    st.integers(1, 40),
    st.floats(-3, 3, width=32),
    st.integers(0, 99),
)
@example(300, -10, 3, 0.1, 0)
def test_multiples_come_back_whatever_they_are_given(
    n: int, exponent: int, most: int, offset: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    grain = np.float32(2.0**exponent)
    base = grain * rng.integers(-most, most + 1, n).astype(np.float32)
    values = base + grain * rng.integers(-most, most + 1, n).astype(np.float32)

    roundtrip(wire.codings.make("multiples"), values, base)
    roundtrip(wire.codings.make("multiples"), values + np.float32(offset), base)


@pytest.mark.parametrize("odd", [np.nan, np.inf, 1e-42, 3e38])
def test_odd_numbers_travel_as_they_are(odd: float) -> None:
    base = np.zeros(500, np.float32)
    values = base.copy()
    values[7] = odd
    for name in ("multiples", "palette"):
        roundtrip(wire.codings.make(name), values, base)


@pytest.mark.parametrize("rounds", [1, 30])
def test_steps_of_one_size_take_their_entropy(rounds: int) -> None:
    rng = np.random.default_rng(0)
    steps = 2 * rng.binomial(rounds, 0.5, N) - rounds
    values = (np.float32(2.0**-10) * steps).astype(np.float32)
    counts = np.unique(steps, return_counts=True)[1]
    bits = -(counts * np.log2(counts / N)).sum()

    size = 8 * roundtrip(wire.codings.make("multiples"), values, np.zeros(N, np.float32))

    assert bits * 0.999 < size < bits * 1.15 + 8 * 100


@given(st.integers(0, 3000), st.floats(0, 1), st.integers(0, 99))
@example(0, 0.5, 0)
def test_parts_of_noise_come_back(n: int, share: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    noise = rng.random(n, dtype=np.float32) - np.float32(0.5)

    roundtrip(wire.codings.make("masked-noise"), noise * (rng.random(n) < share), noise)


def test_masks_of_noise_take_what_its_size_says() -> None:
    """An update of one size is the larger a share of noise, the smaller that is."""
    rng = np.random.default_rng(0)
    noise = (rng.random(N, dtype=np.float32) - np.float32(0.5)) / 50
    share = np.clip(np.float32(0.001) * rng.choice([-1, 1], N) / noise, 0, 1)

    size = 8 * roundtrip(wire.codings.make("masked-noise"), noise * (rng.random(N) < share), noise)

    by_size = np.clip(0.001 / np.abs(noise), 0, 1) / 2
    assert entropy(by_size) * 0.98 < size < entropy(by_size) * 1.05 + 8 * 100


def test_what_is_no_part_of_the_noise_is_refused() -> None:
    coding, held = wire.codings.make("masked-noise"), wire.Base(1, {"a": np.ones(9, np.float32)})
    with pytest.raises(wire.WireError, match="neither 0 nor the noise"):
        wire.encode({"a": np.full(9, 0.5, np.float32)}, coding, base=held)


@pytest.mark.parametrize("place", [0, 20_000, 39_999])
def test_one_value_of_a_finer_grain_is_found_wherever_it_is(place: int) -> None:
    rng = np.random.default_rng(0)
    base = np.zeros(N, np.float32)
    values = (rng.integers(-3, 4, N) / 512).astype(np.float32)
    values[place] += np.float32(2.0**-15)

    size = roundtrip(wire.codings.make("multiples"), values, base)

    assert size < 4 * N


@pytest.mark.parametrize("different", [255, 256, 257])
def test_many_values_are_told_apart_and_more_travel_as_they_are(different: int) -> None:
    rng = np.random.default_rng(different)
    palette = rng.random(different, dtype=np.float32)
    values = palette[np.concatenate([rng.integers(0, 50, 70_000), np.arange(different)])]

    size = roundtrip(wire.codings.make("palette"), values, np.zeros(values.size, np.float32))

    assert (size == 1 + 4 * values.size) == (different > 256)


def test_a_bit_is_a_bit() -> None:
    coding, held = wire.codings.make("bernoulli"), wire.Base(1, {"a": np.zeros(9, np.float32)})
    with pytest.raises(wire.WireError, match="a bit is not 0 or 1"):
        wire.encode({"a": np.full(9, 2, np.uint8)}, coding, base=held)


def test_real_states_that_differ_have_different_digests() -> None:
    low, high = (wire.Base(1, {"a": np.full(3, v, np.float32)}) for v in (0.25, 0.75))

    assert low.digest != high.digest
