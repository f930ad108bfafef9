"""Who is malicious."""

from __future__ import annotations

import time

import numpy as np
import pytest

from attacks.adversary.population import malicious_clients
from frl.errors import InputError


def test_uniform_is_a_fixed_set_of_the_right_size() -> None:
    population = malicious_clients(0, 1000, 0.237, "uniform", 25)

    members = {c for c in range(1000) if population.among(1, [c])}

    assert len(members) == 237
    assert population.among(7, range(1000)) == members
    assert malicious_clients(0, 1000, 0.237, "uniform", 25).among(1, range(1000)) == members
    assert malicious_clients(1, 1000, 0.237, "uniform", 25).among(1, range(1000)) != members


def test_uniform_numbers_per_round_are_hypergeometric() -> None:
    population = malicious_clients(0, 1000, 0.2, "uniform", 25)
    random = np.random.default_rng(1)

    counts = [len(population.among(r, random.permutation(1000)[:25])) for r in range(2000)]

    assert np.mean(counts) == pytest.approx(5, abs=0.15)
    assert np.var(counts) == pytest.approx(25 * 0.2 * 0.8 * 975 / 999, rel=0.1)


def test_fixed_count_draws_others_each_round() -> None:
    population = malicious_clients(0, 1000, 0.2, "fixed_count", 25)
    sampled = list(range(100, 125))

    rounds = [population.among(round, sampled) for round in range(1, 40)]

    assert {len(chosen) for chosen in rounds} == {5}
    assert len(set(rounds)) > 35
    assert set().union(*rounds) == set(sampled)
    assert population.among(3, sampled[::-1]) == population.among(3, sampled)
    assert len(population.among(3, sampled[:2])) == 2


@pytest.mark.parametrize("sampling", ["uniform", "fixed_count"])
@pytest.mark.parametrize(("fraction", "expected"), [(0.0, 0), (1.0, 10), (0.19, 2), (0.14, 1)])
def test_extreme_fractions(sampling: str, fraction: float, expected: int) -> None:
    population = malicious_clients(0, 10, fraction, sampling, 10)  # type: ignore[arg-type]

    assert len(population.among(1, range(10))) == expected


def test_others_are_members_outside_the_round() -> None:
    population = malicious_clients(0, 100, 0.3, "uniform", 10)
    sampled = list(range(50))
    members = population.among(1, range(100))

    some, all_ = population.others(1, sampled, 5), population.others(1, sampled, 1000)

    assert len(some) == 5
    assert set(some) <= set(all_)
    assert set(all_) == members - set(sampled)
    assert population.others(1, sampled, 5) == some
    assert population.others(2, sampled, 5) != some


def test_a_million_clients_are_no_trouble() -> None:
    population = malicious_clients(0, 1_000_000, 0.2, "uniform", 25)
    start = time.process_time()

    for round in range(200):
        population.among(round, range(25))

    assert time.process_time() - start < 1.0
    assert population.members is not None
    assert population.members.nbytes == 8 * 200_000


def test_wrong_fractions_and_samplings_are_refused() -> None:
    with pytest.raises(InputError, match=r"attack\.fraction: got 1\.2"):
        malicious_clients(0, 10, 1.2, "uniform", 5)
    with pytest.raises(InputError, match=r"attack\.sampling: got 'some'"):
        malicious_clients(0, 10, 0.2, "some", 5)  # type: ignore[arg-type]


def test_they_attack_from_a_round_on_and_now_and_then() -> None:
    population = malicious_clients(0, 100, 0.3, "uniform", 10, start=4, every=3)

    members = population.among(1, range(100))
    attackers = {round: population.attackers(round, range(100)) for round in range(1, 13)}

    assert len(members) == 30
    assert {r: c for r, c in attackers.items() if c} == dict.fromkeys((4, 7, 10), members)
    with pytest.raises(InputError, match=r"attack.start: got 0; takes 1 or more"):
        malicious_clients(0, 100, 0.3, "uniform", 10, start=0)
    with pytest.raises(InputError, match=r"attack.every: got -2; takes 1 or more"):
        malicious_clients(0, 100, 0.3, "fixed_count", 10, every=-2)
