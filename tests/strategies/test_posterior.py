"""Beta aggregation against its closed form, over rounds and resets."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from frl.exchange.channel import Channel
from frl.exchange.forms import Bits
from frl.exchange.messages import MalformedError
from strategies import rules
from strategies.rule_strategy import RuleStrategy
from strategies.stack.posterior import Posterior


def modes(rounds: list[np.ndarray], resets: int) -> list[np.ndarray]:
    """Keep alpha and beta as the paper writes them, and give their mode after each round."""
    alpha = beta = np.ones(rounds[0].shape[1])
    found = []
    for number, bits in enumerate(rounds):
        if number % resets == 0:
            alpha = beta = np.ones(bits.shape[1])
        alpha = alpha + bits.sum(axis=0)
        beta = beta + (1 - bits).sum(axis=0)
        found.append((alpha - 1) / (alpha + beta - 2))
    return found


@pytest.mark.parametrize("resets", [1, 2, 4, 64])
def test_the_next_probability_is_the_mode_of_the_beta_distribution(resets: int) -> None:
    rng = np.random.default_rng(0)
    rounds = [rng.integers(0, 2, (voters, 70)) for voters in (25, 7, 25, 1, 24, 25, 3)]
    posterior, memory = Posterior(resets), {"other": torch.zeros(1)}
    state = np.full(70, 0.5, np.float32)

    for number, (bits, expected) in enumerate(
        zip(rounds, modes(rounds, resets), strict=True), start=1
    ):
        share = state + (bits.astype(np.float32) - state).mean(axis=0, dtype=np.float32)
        after, kept = posterior.after(torch.from_numpy(share), len(bits), number, memory)
        state = after.numpy()
        memory = {**Posterior.rest(memory), **kept}
        np.testing.assert_array_equal(state, expected.astype(np.float32))
        assert "other" in memory
    assert len(np.unique(state)) <= sum(map(len, rounds)) + 1


def test_a_share_beyond_the_ends_counts_as_the_end() -> None:
    share = torch.tensor([-3.0, 0.5, 7.0, float("nan")])

    after, memory = Posterior().after(share, 10, 1, {})

    assert after.tolist() == [0, 0.5, 1, 0]
    assert memory == {}


STATE = {"a": np.full(6, 0.5, np.float32), "b": np.full(3, 0.25, np.float32)}
GOOD = {"a": np.array([0, 1, 1, 0, 1, 0], np.uint8), "b": np.array([1, 0, 1], np.uint8)}
WRONG = {
    "out-of-range": {**GOOD, "a": np.array([0, 2, 1, 0, 1, 0], np.uint8)},
    "wrong-shape": {**GOOD, "b": np.array([1, 0], np.uint8)},
    "wrong-dtype": {**GOOD, "b": np.array([1, 0, 1], np.float32)},
    "wrong-layers": {"a": GOOD["a"]},
}


def strategy() -> RuleStrategy:
    return RuleStrategy(
        clients=4,
        clients_per_round=3,
        rule=rules.make("mean"),
        channel=Channel(form=Bits()),
        posterior=Posterior(),
    )


def test_the_gate_admits_bits() -> None:
    strategy().check(STATE)(GOOD)


@pytest.mark.parametrize("reason", WRONG)
def test_the_gate_admits_nothing_else(reason: str) -> None:
    with pytest.raises(MalformedError) as caught:
        strategy().check(STATE)(WRONG[reason])

    assert caught.value.reason == reason
