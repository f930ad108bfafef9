"""Masks by importance sampling in blocks: what is drawn, what it costs, what is refused."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from frl import wire
from frl.exchange.ballots import noise
from frl.exchange.channel import Channel
from frl.exchange.forms import BlockSamples
from frl.exchange.importance_sampling import blocks, choose, chosen, sample_probability
from frl.task import Task
from frl.wire import Base
from frl.wire.codings.klms import LENGTHS, Klms

TASK = Task(2, 5, 7)


def of_bits(probabilities: np.ndarray) -> dict[tuple[int, ...], float]:
    """Probability of every mask of independent bits."""
    return {
        mask: float(np.prod(np.where(mask, probabilities, 1 - probabilities)))
        for mask in product((0, 1), repeat=probabilities.size)
    }


def of_importance_samples(p: np.ndarray, q: np.ndarray, samples: int) -> dict[tuple, float]:
    """Enumerate all tuples of samples and the weights within each."""
    prior, target = of_bits(p), of_bits(q)
    found = dict.fromkeys(prior, 0.0)
    for drawn in product(prior, repeat=samples):
        weights = [target[mask] / prior[mask] for mask in drawn]
        likely = float(np.prod([prior[mask] for mask in drawn])) / sum(weights)
        for mask, weight in zip(drawn, weights, strict=True):
            found[mask] += likely * weight
    return found


def frequencies(p: np.ndarray, q: np.ndarray, bits: int, trials: int) -> dict[tuple, float]:
    """How often each mask is drawn where every block of a layer has these probabilities."""
    state = {"a": np.tile(p, trials).astype(np.float32)}
    choices = choose(state, {"a": np.tile(q, trials)}, bits, 1.01 * divergence(p, q).sum(), TASK)
    assert np.flatnonzero(choices["a"]).tolist() == list(range(0, p.size * trials, p.size))
    masks = chosen(state, choices, TASK)["a"].reshape(trials, -1)
    return {mask: float((masks == mask).all(axis=1).mean()) for mask in of_bits(p)}


def divergence(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    """Bits of each edge."""
    return q * np.log2(q / p) + (1 - q) * np.log2((1 - q) / (1 - p))


@pytest.mark.parametrize("samples", [2, 4])
def test_a_block_is_drawn_as_the_enumeration_of_all_samples_says(samples: int) -> None:
    p, q, trials = np.array([0.25, 0.5]), np.array([0.5, 0.875]), 20_000

    seen = frequencies(p, q, samples.bit_length() - 1, trials)

    for mask, expected in of_importance_samples(p, q, samples).items():
        assert abs(seen[mask] - expected) < 4 * np.sqrt(expected * (1 - expected) / trials)
    assert max(abs(seen[mask] - share) for mask, share in of_bits(q).items()) > 0.05


def test_with_many_samples_a_block_is_drawn_as_the_client_trained() -> None:
    p, q, trials = np.array([0.25, 0.5, 0.75]), np.array([0.5, 0.875, 0.75]), 20_000

    seen = frequencies(p, q, 8, trials)

    for mask, expected in of_bits(q).items():
        assert abs(seen[mask] - expected) < 0.002 + 4 * np.sqrt(expected / trials)


@settings(max_examples=40)
@given(st.integers(0, 200), st.floats(0.1, 12), st.floats(0, 0.4), st.integers(0, 99))
def test_blocks_are_the_longest_that_the_budget_allows(
    n: int, budget: float, spread: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    p = sample_probability(rng.random(n, dtype=np.float32))
    q = np.clip(p / 65536 + spread * rng.standard_normal(n), 0.001, 0.999)
    spent = divergence(p / 65536, q)

    expected, start = [], 0
    while start < n:
        expected.append(start)
        fits = [length for length in LENGTHS if spent[start : start + length].sum() <= budget]
        fits = [length for length in fits if start + length <= n] or [1]
        rest = spent[start:].sum() <= budget
        start = n if rest else start + int(fits[-1])

    assert blocks(p, q, budget).tolist() == expected


@pytest.mark.parametrize("n", [1, 7, 1203])
@pytest.mark.parametrize("width", [1, 3, 14336])
def test_bits_are_those_of_the_sample_of_their_block(n: int, width: int) -> None:
    """Few blocks are drawn one by one, many sample by sample; the oracle draws all samples."""
    rng = np.random.default_rng(n)
    p = rng.random(n, dtype=np.float32)
    choices = np.zeros(n, np.uint16)
    choices[::width] = rng.integers(1, 17, choices[::width].size)

    words = noise(TASK.seed, TASK.round, TASK.client, 0).bit_generator.random_raw(16 * -(-n // 4))
    samples = words.astype("<u8").view("<u2").reshape(16, -1)[:, :n]
    of_edge = choices[np.arange(n) // width * width] - 1
    ones = np.rint(np.clip(p.astype(float), 0.01, 0.99) * 65536)

    found = chosen({"a": p}, {"a": choices}, TASK)["a"]

    np.testing.assert_array_equal(found, samples[of_edge, np.arange(n)] < ones)


def update(n: int, spread: float) -> tuple[Base, dict[str, np.ndarray]]:
    rng = np.random.default_rng(0)
    p = (rng.integers(0, 26, n) / 25).astype(np.float32)
    logits = np.log(np.clip(p, 0.01, 0.99) / np.clip(1 - p, 0.01, 0.99))
    q = 1 / (1 + np.exp(-logits - spread * rng.standard_normal(n)))
    return Base(2, {"a": p, "b": p[:300]}), {"a": (q - p).astype(np.float32), "b": -p[:300] / 2}


@pytest.mark.parametrize(("bits", "budget"), [(1, 1.0), (4, 2.0), (8, 4.0)])
def test_coded_or_not_the_same_is_read(bits: int, budget: float) -> None:
    form, (base, moved) = BlockSamples(bits, budget), update(20_000, 0.3)
    channel = Channel(form=form)

    plain = channel.receive(
        channel.send_update(moved, base, TASK, coded=False), base, TASK, coded=False
    )
    coded = channel.receive(
        channel.send_update(moved, base, TASK, coded=True), base, TASK, coded=True
    )

    assert channel.measure(plain.update, base, TASK) == coded.coded
    for name, sent in plain.update.items():
        assert sent.dtype == form.dtype
        assert form.fault(sent) is None
        np.testing.assert_array_equal(coded.update[name], sent)
        bit = (sent & 1).astype(np.float32)
        np.testing.assert_array_equal(form.moved(sent, base.state[name]), bit - base.state[name])


def test_the_mean_of_many_clients_is_what_they_trained() -> None:
    base, moved = update(2_000, 0.3)
    channel = Channel(form=BlockSamples(6, 1.0))

    sent = [channel.sent(moved, base, TASK._replace(client=c))["a"] & 1 for c in range(60)]

    q, mean = np.clip(base.state["a"] + moved["a"], 0, 1), np.mean(sent, axis=0)
    slope = np.polyfit(q - base.state["a"], mean - base.state["a"], 1)[0]
    assert 0.9 < slope < 1.1
    assert np.abs(mean - q).mean() < 1.1 * np.sqrt(q * (1 - q) * 2 / np.pi / 60).mean() + 0.005


def test_who_moved_nothing_sends_the_longest_blocks() -> None:
    state = {"a": np.full(50_000, 0.3, np.float32)}
    still = {"a": np.zeros(50_000, np.float32)}
    channel = Channel(form=BlockSamples(8, 4.0))

    message = channel.encode_update(still, Base(2, state), TASK)

    assert wire.payload_sizes(message, {"a": 50_000}) == {"a": 1 + 4 + 3 + 4}, "4 blocks"


def test_the_cost_is_an_index_and_a_length_a_block() -> None:
    bits, budget, (base, moved) = 8, 4.0, update(20_000, 0.3)
    channel = Channel(form=BlockSamples(bits, budget))

    sent = channel.sent(moved, base, TASK)["a"]
    size = channel.measure({"a": sent, "b": sent[:300]}, base, TASK).layers["a"]

    count = np.count_nonzero(sent >> 1)
    p, q = sample_probability(base.state["a"]) / 65536, base.state["a"] + moved["a"]
    least = divergence(p, q.astype(float)).sum() / budget
    assert least < count < 1.35 * least
    assert bits * count < 8 * size < (bits + 5) * count + 8 * 60
    assert size < channel.form.codings()["klms"].limit(20_000) / 20


WRONG = {
    "no first block": [0, 2, 0],
    "beyond the samples": [17, 0, 0],
    "a length of nine": [1, *[0] * 8, 1, 0],
    "longer than any": [1, *[0] * 14336],
}


@pytest.mark.parametrize("case", WRONG)
def test_no_other_choices_are_admitted_or_sent(case: str) -> None:
    choices = np.array(WRONG[case], np.uint16)
    form, held = BlockSamples(4, 2.0), Base(1, {"a": np.zeros(choices.size, np.float32)})

    assert form.fault(choices << 1) in ("out-of-range", "wrong-counts")
    assert form.fault(np.array([16 << 1, 0, 0], np.uint16)) is None
    with pytest.raises(wire.WireError, match="no blocks of samples"):
        wire.encode({"a": choices}, Klms(4), base=held)


PAYLOADS = {
    "more blocks than edges": ("corrupt", b"\0" + (9).to_bytes(4, "little")),
    "blocks without end": ("corrupt", b"\1" + b"\xff" * 4 + b"\0" * 8),
    "no blocks": ("corrupt", b"\0" * 5),
    "of another kind": ("corrupt", b"\2\1\0\0\0\3\0"),
    "cut": ("truncated", b"\0\1\0\0\0\5"),
    "too short blocks": ("wrong-counts", b"\0\1\0\0\0\2\0"),
    "too long a last block": ("wrong-counts", b"\0\1\0\0\0\6\0"),
    "no such length": ("corrupt", b"\0\1\0\0\0\x3f\0"),
    "a set bit behind the index": ("padding", b"\0\1\0\0\0\5\xf0"),
    "bytes behind": ("trailing-bytes", b"\0\1\0\0\0\5\3\0"),
}


@pytest.mark.parametrize("case", PAYLOADS)
def test_damaged_blocks_are_refused(case: str) -> None:
    reason, payload = PAYLOADS[case]
    coding = Klms(4)

    with pytest.raises(wire.WireError) as caught:
        coding.decode_layer(memoryview(payload), 6, None)

    assert caught.value.reason == reason
    whole = coding.decode_layer(memoryview(b"\0\1\0\0\0\5\3"), 6, None)
    assert whole.tolist() == [4, 0, 0, 0, 0, 0]


@pytest.mark.parametrize("odd", [np.nan, np.inf, -np.inf])
def test_no_numbers_are_drawn_as_some_mask(odd: float) -> None:
    base, moved = update(2_000, 0.3)
    moved["a"][:50] = odd
    channel = Channel(form=BlockSamples(3, 2.0))

    sent = channel.sent(moved, base, TASK)

    assert channel.form.fault(sent["a"]) is None
