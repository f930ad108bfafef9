"""Steps from one global ranking to the next: exact, refused when damaged, smaller than rankings."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.benchmarks.rankings import base_ranking, moved_ranking
from frl import wire
from frl.exchange.ballots import ballot, noise
from frl.exchange.forms import Ballots
from frl.exchange.steps import encode_step, follow, is_steps, join
from frl.wire import Base, WireError
from strategies.vote import Vote

LAYERS = {"fc": 60_000, "conv": 800, "out": 40}
ROWS = {"fc": 60, "conv": 8, "out": 10}
VOTERS = (3, 5, 11, 200)


def voted(form: Ballots, base: Base, voters: tuple[int, ...]) -> Vote:
    """Add up what clients send that move as real ones do."""
    vote = Vote(base.state)
    for client in voters:
        update = moved_ranking(base.state, ROWS, seed=client)
        sent = {}
        for number, name in enumerate(base.state):
            rng = noise(0, base.round, client, number)
            jittered = form.jittered(update[name], rng) if form.dither else update[name]
            sent[name] = form.votes(form.of(jittered))
        vote.add(sent)
    return vote


def sums_of(vote: Vote) -> dict[str, np.ndarray]:
    return {name: sums.astype(np.int32) for name, sums in vote.sums.items()}


def step(form: Ballots, base: Base, voters: tuple[int, ...] = VOTERS) -> tuple[bytes, Base]:
    vote = voted(form, base, voters)
    message = encode_step(sums_of(vote), form, voters, base, seed=0, rows=ROWS)
    return message, Base(base.round + 1, vote.result())


BASE = Base(7, base_ranking(LAYERS, seed=0))


@pytest.mark.parametrize("dither", [0.0, 1.0])
@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_following_steps_leads_to_what_the_vote_leads_to(bits: int, dither: float) -> None:
    form = Ballots(bits, dither=dither)
    first, between = step(form, BASE)
    second, end = step(form, between, (3, 9))

    message = join([first, second])
    found = follow(message, form, BASE, seed=0)

    assert is_steps(message)
    assert found.round == 9
    assert list(found.state) == list(LAYERS)
    for name, positions in end.state.items():
        np.testing.assert_array_equal(found.state[name], positions)


def test_sums_of_ballots_are_a_fraction_of_a_ranking() -> None:
    form = Ballots(2, dither=1.0)
    message, end = step(form, BASE)

    ranking = wire.encode(end.state, wire.codings.make("delta"), base=BASE, rows=ROWS)

    assert len(message) < len(ranking) / 4


@given(
    n=st.integers(0, 300),
    voters=st.lists(st.integers(0, 2**32 - 1), max_size=5, unique=True),
    bits=st.integers(1, 8),
    dither=st.sampled_from([0.0, 1.0]),
    seed=st.integers(0, 2**16),
)
def test_any_ballots_at_all(n: int, voters: list[int], bits: int, dither: float, seed: int) -> None:
    """Also those of clients that send whatever they like."""
    rng = np.random.default_rng(seed)
    form, base = Ballots(bits, dither=dither), Base(1, {"a": rng.permutation(n).astype(np.int32)})
    vote = Vote(base.state)
    vote.add({"a": np.zeros(n, np.int32)})
    for _ in voters:
        vote.add({"a": ballot(rng.permutation(n).astype(np.int32), bits)})

    message = encode_step(sums_of(vote), form, voters, base, seed=0, rows={})
    found = follow(join([message]), form, base, seed=0)

    np.testing.assert_array_equal(found.state["a"], vote.result()["a"])


def test_damage_is_refused() -> None:
    form, small = Ballots(2, dither=1.0), Base(7, {"conv": BASE.state["conv"]})
    sums = {"conv": sums_of(voted(form, small, VOTERS))["conv"]}
    message = join([encode_step(sums, form, VOTERS, small, seed=0, rows=ROWS)])
    rng = np.random.default_rng(0)

    for _ in range(2000):
        damaged = bytearray(message)
        for _ in range(rng.integers(1, 4)):
            damaged[4 + rng.integers(len(message) - 4)] ^= 1 << rng.integers(8)
        if damaged == message:
            continue
        with pytest.raises(WireError):
            follow(bytes(damaged), form, small, seed=0)
    for cut in range(8, len(message)):
        with pytest.raises(WireError):
            follow(message[:cut], form, small, seed=0)


def test_a_tally_whose_checksums_fit_is_checked_all_the_same() -> None:
    """A sum more than the ballots can have; a base that is not held."""
    form, small = Ballots(2, dither=1.0), Base(7, {"conv": BASE.state["conv"]})
    sums = {"conv": sums_of(voted(form, small, VOTERS))["conv"]}
    good = encode_step(sums, form, VOTERS, small, seed=0, rows=ROWS)
    more = sums["conv"].copy()
    more[0] += 1
    false = encode_step({"conv": more}, form, VOTERS, small, seed=0, rows=ROWS)

    with pytest.raises(WireError, match="wrong-counts"):
        follow(join([false]), form, small, seed=0)
    for other in (Base(8, small.state), Base(7, {"conv": small.state["conv"][::-1].copy()})):
        with pytest.raises(WireError, match="wrong-base"):
            follow(join([good]), form, other, seed=0)
