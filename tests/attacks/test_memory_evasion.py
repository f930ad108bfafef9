"""Memory evasion against its definition, loop by loop."""

from __future__ import annotations

import numpy as np
import pytest

import attacks
from attacks.base import CraftView, Setting
from frl.randomness import Purpose, generator

SIZES = {"a": 40, "b": 7}


def scales() -> np.ndarray:
    return np.concatenate(
        [np.full(n, np.sqrt(3 / (n * (n * n - 1)) / len(SIZES))) for n in SIZES.values()]
    )


def ranking(rng: np.random.Generator, sizes: dict[str, int] = SIZES) -> dict[str, np.ndarray]:
    return {name: rng.permutation(n).astype(np.int32) for name, n in sizes.items()}


def flat(vote: dict[str, np.ndarray]) -> np.ndarray:
    return np.concatenate([vote[name] for name in vote]).astype(float)


def view(previous, own, state=None):  # type: ignore[no-untyped-def]
    setting = Setting(seed=3, round=2, clients_per_round=9, classes=10)
    return CraftView(setting, previous, own, sampled=9, state=state or {})


def without(vector: np.ndarray, direction: np.ndarray) -> np.ndarray:
    direction = direction / np.linalg.norm(direction)
    return vector - (vector @ direction) * direction


def one(vector: np.ndarray) -> np.ndarray:
    return vector / np.linalg.norm(vector)


@pytest.mark.parametrize("layerwise", [False, True])
@pytest.mark.parametrize(("cosine", "diversity"), [(0.2, 0.0), (-0.5, 0.6)])
def test_votes_are_those_of_the_definition_over_two_rounds(
    cosine: float, diversity: float, layerwise: bool
) -> None:
    rng = np.random.default_rng(0)
    before, previous = ranking(rng), ranking(rng)
    own = [ranking(rng) for _ in range(3)]
    attack = attacks.make(
        "memory_evasion",
        cosine=cosine,
        diversity=diversity,
        length=1.5,
        memory=0.5,
        layerwise=layerwise,
    )
    first = attack.craft(view(before, own), 2, np.random.default_rng(1))
    sent, _ = attack.craft(view(previous, own, first.state), 2, np.random.default_rng(2))

    here, then = flat(previous) * scales(), flat(before) * scales()
    rows = np.array([flat(vote) * scales() - here for vote in own])
    noises = np.random.default_rng(2)
    for vote in sent:
        noise = noises.standard_normal(here.size, dtype=np.float32).astype(float)
        wanted = here.copy()
        for part in (slice(0, 40), slice(40, 47)) if layerwise else (slice(0, 47),):
            along = here[part] - here[part].mean()
            mean = without(np.mean(rows[:, part], axis=0), along)
            near = one(mean + without(here[part] - then[part], along))
            common = cosine * near + np.sqrt(1 - cosine**2) * one(without(-mean, near))
            length = 1.5 * np.median([np.linalg.norm(row[part]) for row in rows])
            own_noise = np.sqrt(diversity) * one(noise[part])
            wanted[part] += length * (np.sqrt(1 - diversity) * common + own_noise)
        for name, part in (("a", slice(0, 40)), ("b", slice(40, 47))):
            np.testing.assert_array_equal(vote[name], wanted[part].argsort().argsort())


def test_what_is_remembered_fades() -> None:
    rng = np.random.default_rng(4)
    rounds = [ranking(rng) for _ in range(3)]
    own = [ranking(rng)]
    attack = attacks.make("memory_evasion", memory=0.25)
    state: dict[str, np.ndarray] = {}
    for previous in rounds:
        state = attack.craft(view(previous, own, state), 1, rng).state

    places = [flat(each) * scales() for each in rounds]
    expected = np.zeros_like(places[0])
    for now, then in zip(places[1:], places, strict=False):
        expected = 0.25 * expected + without(now - then, now - now.mean())
    np.testing.assert_allclose(state["moved"], expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("diversity", [0.0, 0.3, 0.6, 1.0])
def test_colluders_are_about_as_unlike_as_asked(diversity: float) -> None:
    rng = generator(0, Purpose.CRAFT)
    sizes = {"only": 4000}
    previous = ranking(rng, sizes)
    noisy = [flat(previous) + 400 * rng.standard_normal(4000) for _ in range(5)]
    own = [{"only": row.argsort().argsort().astype(np.int32)} for row in noisy]
    attack = attacks.make("memory_evasion", diversity=diversity)
    sent, _ = attack.craft(view(previous, own), 4, rng)
    along = flat(previous) - flat(previous).mean()
    changes = [one(without(flat(vote) - flat(previous), along)) for vote in sent]
    cosines = [changes[i] @ changes[j] for i in range(4) for j in range(i)]
    np.testing.assert_allclose(cosines, 1 - diversity, atol=0.13)
