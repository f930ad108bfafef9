"""The coarse copy of the server's own ranking: by brute force, and nothing is lost for good."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from frl.exchange.ballots import ballot, noise
from frl.exchange.carry import carried, followed
from frl.exchange.downlink import coarsen
from frl.exchange.forms import Ballots
from frl.wire import Base
from frl.wire.boundaries import boundaries

N = 50


def permutation(seed: int, n: int = N) -> np.ndarray:
    return np.random.default_rng(seed).permutation(n).astype(np.int32)


@given(seed=st.integers(0, 1000), bits=st.integers(1, 4), slack=st.sampled_from([0.0, 0.3, 1, 4]))
def test_the_copy_follows_as_brute_force_says(seed: int, bits: int, slack: float) -> None:
    own, copy, ties = (permutation(3 * seed + k) for k in range(3))
    edges = boundaries(N, bits).tolist()
    bucket = [sum(rank >= edge for edge in edges[1:-1]) for rank in range(N)]
    keys = []
    for edge in range(N):
        held = bucket[copy[edge]]
        nearest = min(max(own[edge], edges[held]), edges[held + 1] - 1)
        stays = abs(own[edge] - nearest) <= int(slack * N / 2**bits)
        keys.append((nearest if stays else own[edge], own[edge], edge))
    places = {edge: place for place, (_, _, edge) in enumerate(sorted(keys))}
    order = sorted(range(N), key=lambda edge: (bucket[places[edge]], ties[edge]))

    found = followed({"a": own}, {"a": copy}, {"a": ties}, bits=bits, slack=slack)["a"]

    np.testing.assert_array_equal(np.argsort(found), order)
    assert found.dtype == np.int32


def test_without_slack_the_copy_is_the_ranking_coarsened() -> None:
    own, copy, ties = ({"a": permutation(k)} for k in range(3))

    found = followed(own, copy, ties, bits=3, slack=0.0)

    np.testing.assert_array_equal(found["a"], coarsen(own, ties, 3)["a"])


def test_slack_keeps_edges_where_they_are() -> None:
    ties = {"a": np.arange(N, dtype=np.int32)}
    swapped = ties["a"].copy()
    swapped[[24, 25]] = [25, 24]

    near = followed({"a": swapped}, ties, ties, bits=1, slack=0.1)
    exact = followed({"a": swapped}, ties, ties, bits=1, slack=0.0)

    np.testing.assert_array_equal(near["a"], ties["a"])
    assert ballot(exact["a"], 1)[24] == 1


def test_small_moves_add_up_to_one_that_is_sent() -> None:
    """Each is rounded away alone; carried on, the edge is at the top in the end."""
    first = {"a": np.arange(N, dtype=np.int32)}
    moves = {"a": np.where(np.arange(N) == 0, 3, 0)}
    own = copy = first
    buckets = []
    for _ in range(N // 2 + 1):
        own = carried(own, moves)
        copy = followed(own, copy, first, bits=2, slack=0.25)
        buckets.append(int(ballot(copy["a"], 2)[0]))

    assert buckets[0] == 0
    assert buckets == sorted(buckets)
    assert buckets[-1] == 3
    assert coarsen(carried(first, moves), first, 2)["a"][0] == 0, "each alone is rounded away"


def test_where_nobody_moves_nothing_is_carried() -> None:
    own = {"a": permutation(1)}

    np.testing.assert_array_equal(carried(own, {"a": np.zeros(N, np.int64)})["a"], own["a"])


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_moves_are_the_mean_change_of_buckets_in_ranks(bits: int) -> None:
    """Of clients that stay, exactly nothing, whatever the noise; of others as counted by hand."""
    form, voters, base = Ballots(bits, dither=1.0), (2, 5, 9), Base(4, {"a": permutation(0, 200)})
    stays, goes = base.state["a"], permutation(8, 200)

    def sent(ranks: np.ndarray, client: int) -> np.ndarray:
        rng = noise(3, base.round, client, 0)
        return form.of(form.jittered(ranks, rng)).astype(np.int32)

    staying = sum(sent(stays, client) for client in voters)
    moving = staying - sent(stays, 9) + sent(goes, 9)
    found = form.moves({"a": moving}, voters, base, seed=3)
    nowhere = form.moves({"a": staying}, voters, base, seed=3)

    assert found is not None
    assert nowhere is not None
    change = sent(goes, 9).astype(float) - sent(stays, 9)
    np.testing.assert_allclose(found["a"], change * 200 / 2**bits / 3, atol=0.5)
    assert not nowhere["a"].any()


def test_without_noise_that_both_sides_know_the_next_ranking_says_it() -> None:
    base = Base(4, {"a": permutation(0)})
    sums = {"a": base.state["a"]}

    assert Ballots(2).moves(sums, (1,), base, seed=0) is None
    assert Ballots(2, 2.0, dither=1.0).moves(sums, (1,), base, seed=0) is None
