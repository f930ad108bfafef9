"""The change vote and its mean: against a direct implementation, and what anybody can do to it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from strategies.rules import RuleContext, make
from strategies.rules.change_vote import UNIT
from strategies.stack.agreement import DEVIATIONS, TURNS
from strategies.stack.gram import layer_grams
from strategies.stack.standing import KEPT_ROUNDS, OPPOSED, RIPE_ROUNDS, Standing, standing
from strategies.stack.trust import KEPT, after, trust

LAYERS = (30, 60)
SLICES = (slice(0, 30), slice(30, 90))
N = 9
OPPOSING = (3, 8, 13)
REPEATING = (1, 3, 5, 8, 11, 13)


def positions(scores: np.ndarray) -> np.ndarray:
    return np.concatenate([scores[part].argsort().argsort() for part in SLICES]).astype(np.int32)


def votes_of(random: np.random.Generator, previous: np.ndarray, n: int = N) -> np.ndarray:
    """Rankings that moved from the previous one in a common direction and each in its own."""
    common = random.standard_normal(previous.size)
    own = random.standard_normal((n, previous.size)) * random.uniform(1, 3, (n, 1))
    return np.stack([positions(previous + 3 * common + 4 * row) for row in own])


def context(previous: np.ndarray, n: int = N, **more: Any) -> RuleContext:
    more = {"clients": tuple(range(n)), **more}
    return RuleContext(layers=LAYERS, previous=torch.from_numpy(previous), **more)


def drawn(random: np.random.Generator) -> tuple[int, ...]:
    """A round's clients, of fourteen."""
    return tuple(sorted(random.choice(14, N, replace=False).tolist()))


def lower_median(values: Any) -> float:
    return float(np.sort(np.asarray(values, float))[(len(values) - 1) // 2])


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    length = np.linalg.norm(a) * np.linalg.norm(b)
    return float(a @ b / length) if length > 1e-12 else 0.0


def weighted_median(pairs: list[tuple[float, float]]) -> float:
    """Take the first value, in ascending order, with half of what counts at or below it."""
    pairs = sorted(pairs, key=lambda pair: pair[0])
    heard, half = 0.0, sum(count for _, count in pairs) * (0.5 - 1e-9)
    for value, count in pairs:
        heard += count
        if heard >= half:
            return value
    return pairs[-1][0]


class Direct:
    """The rule as its documentation says it, on vectors, with loops; changes have no radial part.

    Vectors are laid out in units of the usual length of their layer, so that plain inner products
    are what the rule adds up.
    """

    def __init__(self, memory: float = 0.8) -> None:
        self.share, self.memory, self.past = memory, np.zeros(sum(LAYERS)), []
        self.support_of: dict[int, list[float]] = {}

    def trust(self, client: int) -> float:
        supports = [1.0, *self.support_of.get(client, [])]
        faded = [KEPT**age for age in range(len(supports))][::-1]
        return min(1.0, 2 * float(np.average(supports, weights=faded)))

    def __call__(
        self, changes: np.ndarray, clients: Any = range(N), tangent: Any = lambda v: v
    ) -> tuple[Any, Any]:
        n = len(changes)
        lengths = [[float(np.linalg.norm(row[part])) for part in SLICES] for row in changes]
        past = self.past[-KEPT_ROUNDS * n :]
        usual = [lower_median([p[0][k] for p in past] + [x[k] for x in lengths]) for k in (0, 1)]
        bounded, memory = changes.copy(), tangent(self.memory)
        unit, memory_unit = np.zeros_like(changes), np.zeros_like(memory)
        for k, part in enumerate(SLICES):
            for i in range(n):
                bounded[i, part] *= min(1.0, usual[k] / max(lengths[i][k], 1e-12))
            unit[:, part] = bounded[:, part] / usual[k]
            memory_unit[part] = memory[part] / usual[k]
        alike = [[max(0.0, cosine(unit[i], unit[j])) for j in range(n) if j != i] for i in range(n)]
        means = [sum(row) / n for row in alike]
        squares = [sum(x * x for x in row) / n for row in alike]
        unique = np.ones(n)
        for place, values in ((1, means), (2, squares)):
            most = max(lower_median([p[place] for p in past] + values), np.quantile(values, 0.4))
            unique = np.minimum(unique, [most / v if v > most else 1.0 for v in values])
        voices = unique * [self.trust(client) for client in clients]
        directions = [row / np.linalg.norm(row) for row in unit]
        counts = voices.copy()
        for _ in range(TURNS):
            medians = [
                weighted_median([(cosine(unit[i], unit[j]), counts[j]) for j in range(n) if j != i])
                for i in range(n)
            ]
            full = max(1e-12, 0.5 * lower_median([p[3] for p in past] + medians))
            counts = voices * np.clip(np.array(medians) / full, 0, 1)
            if not counts.any():
                counts = voices
                break
        for _ in range(TURNS):
            others = [sum(counts[j] * directions[j] for j in range(n) if j != i) for i in range(n)]
            agreement = [cosine(row, other) for row, other in zip(unit, others, strict=True)]
            full = max(1e-12, 0.5 * lower_median([p[4] for p in past] + agreement))
            counts = voices * np.clip(np.array(agreement) / full, 0, 1)
        agreed = counts
        centre = weighted_median(list(zip(agreement, agreed, strict=True)))
        off = weighted_median(
            [(abs(a - centre), c) for a, c in zip(agreement, agreed, strict=True)]
        )
        low, high = min(0.0, centre - DEVIATIONS * 1.4826 * off), min(full, centre)
        support = np.clip((np.array(agreement) - low) / (high - low), 0, 1)
        votes, left = voices.copy(), bounded.copy()
        for i in range(n):
            if agreement[i] < 0:
                votes[i] *= min(1.0, max(0.0, 10 * unique[i] - 5))
            for part in SLICES:
                mean = sum(agreed[j] * bounded[j, part] for j in range(n) if j != i)
                if left[i, part] @ mean < 0:
                    left[i, part] -= left[i, part] @ mean / (mean @ mean) * mean
        weights = votes * [
            np.mean([np.sum(a[p] ** 2) / np.sum(b[p] ** 2) for p in SLICES])
            for a, b in zip(left, bounded, strict=True)
        ]
        together = cosine(sum(voices[i] * unit[i] for i in range(n)), memory_unit)
        if len(past) >= RIPE_ROUNDS * n and together < OPPOSED:
            weights = votes = np.zeros(n)
        else:
            for client, value in zip(clients, support, strict=True):
                self.support_of.setdefault(client, []).append(value)
        self.past += list(zip(lengths, means, squares, medians, agreement, strict=True))
        moved = votes @ left / max(votes.sum(), 1e-12)
        self.memory = self.share * self.memory + agreed @ bounded / max(agreed.sum(), 1e-12)
        return weights, moved


def without_ramp(vector: np.ndarray, previous: np.ndarray) -> np.ndarray:
    out = vector.astype(float).copy()
    for part in SLICES:
        ramp = previous[part] - previous[part].mean()
        out[part] -= (out[part] @ ramp) / (ramp @ ramp) * ramp
    return out


@pytest.mark.parametrize("seed", range(3))
def test_change_vote_is_what_its_page_says(seed: int) -> None:
    random, rule, direct, state = np.random.default_rng(seed), make("change_vote"), Direct(), {}
    previous = positions(random.standard_normal(sum(LAYERS)))
    dropped = 0
    for _ in range(RIPE_ROUNDS + 4):
        votes = votes_of(random, previous)
        votes[0] = votes[1]
        clients = drawn(random)
        for row in np.flatnonzero(np.isin(clients, REPEATING)):
            votes[row] = positions(2.0 * previous - votes[2])
        given = context(previous, clients=clients)
        got = rule.aggregate(torch.from_numpy(votes), given, state)
        changes = np.stack([without_ramp(vote - previous, previous) for vote in votes])
        weights, moved = direct(changes, clients, lambda v, q=previous: without_ramp(v, q))

        state = got.state
        np.testing.assert_allclose(got.weights, weights, atol=1e-3)
        np.testing.assert_allclose(got.vector.numpy() / UNIT - previous, moved, atol=0.02)
        remembered = state["memory"].numpy() / UNIT
        np.testing.assert_allclose(remembered, direct.memory, atol=0.05)
        direct.memory = remembered
        dropped += int((weights == 0).sum())
        previous = positions(got.vector.numpy() + 1e-6 * previous)
    assert 0 < dropped < 9 * (RIPE_ROUNDS + 4)


@pytest.mark.parametrize("seed", range(3))
def test_change_mean_is_the_same_on_weights(seed: int) -> None:
    random, rule, direct, state = np.random.default_rng(seed), make("change_mean"), Direct(), {}
    for _ in range(RIPE_ROUNDS + 4):
        updates = 0.3 * random.standard_normal(sum(LAYERS)) + random.standard_normal((N, 90))
        updates[0] = updates[1]
        clients = drawn(random)
        updates[np.isin(clients, OPPOSING)] *= -1
        stack = torch.from_numpy(updates.astype(np.float32))
        got = rule.aggregate(stack, RuleContext(clients, LAYERS), state)
        weights, moved = direct(stack.double().numpy(), clients)

        state = got.state
        np.testing.assert_allclose(got.weights, weights, atol=1e-4)
        np.testing.assert_allclose(got.vector.numpy(), moved, atol=1e-4)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 4), st.sampled_from(["far", "clones", "flip", "idle"]))
def test_a_minority_moves_a_layer_no_farther_than_the_longest_honest_change(
    seed: int, malicious: int, kind: str
) -> None:
    random = np.random.default_rng(seed)
    previous = positions(random.standard_normal(sum(LAYERS)))
    votes = votes_of(random, previous)
    evil = {
        "far": [positions(random.standard_normal(90)) for _ in range(malicious)],
        "clones": [positions(-previous.astype(float))] * malicious,
        "flip": [positions(2.0 * previous - votes[row]) for row in range(malicious)],
        "idle": [previous] * malicious,
    }[kind]
    honest = votes[malicious:]
    stack = np.concatenate([honest, np.stack(evil)])

    got = make("change_vote").aggregate(torch.from_numpy(stack), context(previous), {})

    moved = got.vector.numpy() / UNIT - previous
    for part in SLICES:
        changes = np.stack([without_ramp(vote - previous, previous) for vote in honest])
        longest = np.linalg.norm(changes[:, part], axis=1).max()
        rounding = np.sqrt(part.stop - part.start) / UNIT
        assert np.linalg.norm(moved[part]) <= longest + rounding


def grams_of(changes: np.ndarray, memory: np.ndarray | None = None) -> torch.Tensor:
    past = np.zeros(changes.shape[1]) if memory is None else memory
    rows = torch.from_numpy(np.vstack([changes, past]))
    return layer_grams(lambda block: rows[:, block], rows, LAYERS)


@pytest.mark.parametrize("seed", range(5))
def test_who_agrees_elsewhere_cannot_oppose_in_one_layer(seed: int) -> None:
    random, signal = np.random.default_rng(seed), np.random.default_rng(99).standard_normal(90)
    changes = signal + 0.8 * random.standard_normal((25, 90))
    changes[:8, :30] -= 3 * signal[:30]

    judged = standing(grams_of(changes))

    part = SLICES[0]
    plain = (judged.votes * judged.scales[0]).numpy() @ changes[:, part]
    moved = judged.shares[0].numpy() @ changes[:, part]
    assert judged.votes[:8].mean() > 0.5
    assert cosine(moved, signal[part]) > cosine(plain, signal[part]) + 0.1
    assert cosine(moved, signal[part]) > 0.8


def along(judged: Standing, changes: np.ndarray, signal: np.ndarray) -> float:
    """Cosine of what a round moves with the signal."""
    shares = judged.shares.numpy()
    moved = [share @ changes[:, part] for share, part in zip(shares, SLICES, strict=True)]
    return cosine(np.concatenate(moved), signal)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 12))
def test_clones_share_the_votes_that_likeness_leaves_them(seed: int, clones: int) -> None:
    random, n = np.random.default_rng(seed), 25
    changes = 0.3 * random.standard_normal(90) + random.standard_normal((n, 90))
    changes[:clones] = changes[0]

    judged = standing(grams_of(changes))

    usual = np.quantile(judged.recent[:, -3].numpy(), 0.5)
    share = clones / (clones - 1) * (n - 1) * usual * n / (n - 1)
    assert float(judged.uniqueness[:clones].sum()) <= share + 1e-9
    assert judged.uniqueness[:clones].max() - judged.uniqueness[:clones].min() < 1e-9


def test_clones_against_the_others_move_nothing_and_lose_their_votes() -> None:
    random, state = np.random.default_rng(3), None
    signal, sent = random.standard_normal(90), []
    for malicious in (3, 13):
        changes = 0.5 * signal + random.standard_normal((25, 90))
        changes[:malicious] = -20 * signal
        judged = standing(grams_of(changes), state)
        state = judged.recent
        sent.append((judged.weights[:malicious].sum(), judged.weights[malicious:].mean()))
        assert along(judged, changes, signal) > 0.7

    (few, good), (many, rest) = sent
    assert few < 0.02 * 22 * good
    assert many == 0
    assert min(good, rest) > 0.5


def test_a_round_that_opposes_a_ripe_memory_moves_nothing() -> None:
    random, state = np.random.default_rng(4), None
    signal = random.standard_normal(90)
    for _ in range(RIPE_ROUNDS):
        changes = 0.5 * signal + random.standard_normal((N, 90))
        judged = standing(grams_of(changes, signal), state)
        state = judged.recent
        assert judged.weights.mean() > 0.5

    judged = standing(grams_of(-0.5 * signal + random.standard_normal((N, 90)), signal), state)

    assert not judged.weights.any()
    assert judged.agreed.mean() > 0.5
    assert set(judged.reasons()) == {"against"}


def test_reasons_name_what_took_the_weight() -> None:
    random = np.random.default_rng(5)
    signal = random.standard_normal(90)
    changes = 0.6 * signal + random.standard_normal((25, 90))
    changes[0] = -signal
    changes[1:4] = changes[1]
    changes[4] = random.standard_normal(90) + 0.1 * signal

    reasons = standing(grams_of(changes)).reasons()

    assert reasons[0] == "against"
    assert reasons[1:4] == ("alike",) * 3
    assert reasons.count("") > 12


def test_a_client_that_sends_what_it_got_moves_nothing() -> None:
    previous = positions(np.random.default_rng(6).standard_normal(90))
    origin = previous // 8 * 8 + 3
    stack = torch.from_numpy(np.tile(origin, (N, 1)).astype(np.int32))
    given_origin = context(previous, origin=torch.from_numpy(origin.astype(np.int32)))

    got = make("change_vote").aggregate(stack, given_origin, {}).vector

    np.testing.assert_array_equal(got.numpy(), UNIT * previous)


def test_trust_follows_the_records() -> None:
    state: dict[str, torch.Tensor] = {}
    signal, seen = np.random.default_rng(7).standard_normal(90), []
    for turn in range(4):
        random = np.random.default_rng(turn)
        changes = signal + 0.5 * random.standard_normal((6, 90))
        changes[0] = -signal
        judged = standing(grams_of(changes), None, trust(state, range(6)))
        state = after(judged, state, range(6))
        seen.append(trust(state, [0, 5, 99]).tolist())

    faded = [2 * KEPT**votes / sum(KEPT**age for age in range(votes + 1)) for votes in (1, 2, 3, 4)]
    np.testing.assert_allclose([row[0] for row in seen], faded, rtol=1e-9)
    assert all(row[1:] == [1.0, 1.0] for row in seen)


def test_who_opposed_before_does_not_win_as_a_majority() -> None:
    """13 of 25 colluders that differ enough to pass for honest, with and without records."""
    random, signal = np.random.default_rng(8), np.random.default_rng(9).standard_normal(90)

    def sent(malicious: int) -> np.ndarray:
        changes = 0.6 * signal + random.standard_normal((25, 90))
        changes[:malicious] -= 1.2 * signal
        return changes

    state: dict[str, torch.Tensor] = {}
    for _ in range(5):
        judged = standing(grams_of(sent(5)), None, trust(state, (*range(5), *range(20, 40))))
        state = after(judged, state, (*range(5), *range(20, 40)))
        judged = standing(grams_of(sent(8)), None, trust(state, (*range(5, 13), *range(20, 37))))
        state = after(judged, state, (*range(5, 13), *range(20, 37)))
    changes = sent(13)
    known = standing(grams_of(changes), None, trust(state, range(13 + 12)))
    unknown = standing(grams_of(changes))

    assert unknown.weights[:13].sum() > unknown.weights[13:].sum()
    assert along(unknown, changes, signal) < -0.5
    assert along(known, changes, signal) > 0.5
    assert known.weights[:13].sum() < 0.2 * known.weights[13:].sum()


def test_a_round_in_which_nobody_counts_leaves_no_record() -> None:
    random, signal = np.random.default_rng(4), np.random.default_rng(5).standard_normal(90)
    recent, state = None, {}
    for _ in range(RIPE_ROUNDS):
        judged = standing(grams_of(0.5 * signal + random.standard_normal((N, 90)), signal), recent)
        recent, state = judged.recent, after(judged, state, range(N))
    opposed = grams_of(-0.5 * signal + random.standard_normal((N, 90)), signal)

    judged = standing(opposed, recent)

    assert judged.waits
    kept = after(judged, state, range(N))
    assert all(torch.equal(kept[key], state[key]) for key in state)


@pytest.mark.parametrize("silent", [(0,), (1, 4, 5, 8), tuple(range(8)), tuple(range(N))])
def test_who_changed_nothing_is_as_if_absent(silent: tuple[int, ...]) -> None:
    random, rule = np.random.default_rng(7), make("change_vote")
    previous = positions(random.standard_normal(sum(LAYERS)))
    with_them, without, spoke = {}, {}, [c for c in range(N) if c not in silent]
    for number in range(3):
        votes = torch.from_numpy(votes_of(random, previous))
        if number == 2:
            votes[list(silent)] = torch.from_numpy(previous)
        every = rule.aggregate(votes, context(previous), with_them)
        if number < 2:
            with_them = without = every.state
            continue
        assert [every.weights[c] for c in silent] == [0.0] * len(silent)
        assert [every.reasons[c] for c in silent] == ["silent"] * len(silent)
        if not spoke:
            assert torch.equal(every.vector, UNIT * torch.from_numpy(previous))
            return
        given = RuleContext(tuple(spoke), LAYERS, previous=torch.from_numpy(previous))
        some = rule.aggregate(votes[spoke], given, without)
        assert torch.equal(every.vector, some.vector)
        assert torch.equal(every.state["memory"], some.state["memory"])
        assert torch.equal(every.state["recent"], some.state["recent"])
        assert [every.weights[c] for c in spoke] == list(some.weights)


def test_changes_at_right_angles_do_not_stop_the_round() -> None:
    """Ten of 25 are just against everybody, so that no median speaks for anybody."""
    honest, n = 15, 25
    gram = torch.full((n, n), -0.01, dtype=torch.float64)
    gram[:honest, :honest] = torch.from_numpy(
        np.where(np.random.default_rng(0).random((honest, honest)) < 0.6, 0.5, 0.0)
    )
    gram = (gram + gram.T) / 2
    gram.fill_diagonal_(1.0)
    judged = standing(torch.nn.functional.pad(gram, (0, 1, 0, 1))[None])

    assert judged.votes[:honest].sum() > 10
    assert judged.support[honest:].max() < 0.1
