"""One digest: in-process, on Ray with 1, 2 or 4 workers, repeated and resumed, with memory.

Every part that remembers between rounds takes part: rules, attacks, clients' error feedback, the
server's momentum.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from experiments.config import read
from experiments.records import RunDirectory
from experiments.rounds.loop import execute
from experiments.rounds.row import Row
from tests.experiments.test_run import SMALL, Stop, stable

CASES = {
    "momentum, error feedback and mimic": [
        "strategy.name=fedavg",
        "strategy.rule=centered_clipping",
        "strategy.upload_top=0.5",
        "strategy.server_momentum=0.5",
        "attack.name=mimic",
        "attack.fraction=0.3",
    ],
    "server's error feedback": [
        "strategy.name=fedavg",
        "strategy.rule=sparsefed",
        "attack.name=alie",
        "attack.fraction=0.3",
        "attack.sampling=fixed_count",
    ],
    "rankings reversed": ["attack.name=reversal", "attack.fraction=0.3", "attack.colluders=all"],
    "virtual clients": ["data.partition=virtual", "clients=1000000"],
}
HARDEST = next(iter(CASES))
Outcome = tuple[str, list[dict[str, Any]]]


def outcome(folder: Path, case: str, *more: str, stop_after: int = 0) -> Outcome:
    config = read(None, [*SMALL, *CASES[case], *more])
    directory = RunDirectory(folder)

    def watch(row: Row) -> None:
        if row.round == stop_after:
            raise Stop

    if stop_after:
        with pytest.raises(Stop):
            execute(config, directory, watch=watch)
    result = execute(config, directory, resume=bool(stop_after))
    return result["digest"], stable(directory.rows())


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Outcome]:
    folder = tmp_path_factory.mktemp("runs")
    return {case: outcome(folder / str(place), case) for place, case in enumerate(CASES)}


@pytest.fixture(scope="module")
def ray() -> Iterator[None]:
    import ray

    ray.init("local", num_cpus=4, include_dashboard=False, log_to_driver=False)
    yield
    ray.shutdown()


def test_cases_differ_and_are_under_attack(expected: dict[str, Outcome]) -> None:
    assert len({digest for digest, _ in expected.values()}) == len(CASES)
    for case, (_, rows) in expected.items():
        attacked = any(key.startswith("attack.name") for key in CASES[case])
        assert any(row["malicious"] for row in rows) == attacked


@pytest.mark.parametrize("case", CASES)
def test_repeated(tmp_path: Path, case: str, expected: dict[str, Outcome]) -> None:
    assert outcome(tmp_path / "again", case) == expected[case]


@pytest.mark.parametrize("rounds", [1, 2])
@pytest.mark.parametrize("case", CASES)
def test_resumed(tmp_path: Path, case: str, rounds: int, expected: dict[str, Outcome]) -> None:
    assert outcome(tmp_path / "stopped", case, stop_after=rounds) == expected[case]


@pytest.mark.ray
@pytest.mark.parametrize(
    ("case", "workers"),
    [(HARDEST, 1), (HARDEST, 4), ("virtual clients", 2)],
)
def test_on_ray_and_resumed_there(
    tmp_path: Path, ray: None, case: str, workers: int, expected: dict[str, Outcome]
) -> None:
    engine = ["engine.name=ray", f"engine.workers={workers}"]
    found = outcome(tmp_path / "ray", case, *engine, stop_after=2 if workers == 4 else 0)

    assert found == expected[case]


def test_the_servers_own_update_does_not_depend_on_the_drivers_threads(tmp_path: Path) -> None:
    keys = ["strategy.name=fedavg", "strategy.rule=fltrust", "rounds=1"]
    threads, found = torch.get_num_threads(), {}
    try:
        for number in (1, 2):
            torch.set_num_threads(number)
            config = read(None, [*SMALL, *keys])
            found[number] = execute(config, RunDirectory(tmp_path / str(number)))["digest"]
            assert torch.get_num_threads() == number
    finally:
        torch.set_num_threads(threads)

    assert len(set(found.values())) == 1, found
