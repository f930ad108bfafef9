from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from experiments.config import Config
from experiments.records import RunDirectory
from experiments.run import execute
from experiments.sweep import markdown, read_grid, summarise, sweep
from frl.errors import InputError

GRID = """
seeds = [0, 1]
set = ["rounds=1", "clients=6", "clients_per_round=3", "train.epochs=1"]
[runs]
clean = []
sparse = ["strategy.keep=0.2"]
"""


def grid_file(folder: Path, text: str = GRID) -> Path:
    path = folder / "grid.toml"
    path.write_text(text)
    return path


def test_what_is_done_is_not_run_again(tmp_path: Path) -> None:
    points = read_grid(grid_file(tmp_path), tmp_path / "runs")
    executed = []

    def run(config: Config, directory: RunDirectory, resume: bool) -> dict[str, Any]:
        executed.append((directory.path.parent.name, config.seed, config.strategy.keep, resume))
        return execute(config, directory, resume=resume)

    first = list(sweep(points, run))
    second = list(sweep(points, run))

    assert executed == [
        ("clean", 0, 0.5, False),
        ("clean", 1, 0.5, False),
        ("sparse", 0, 0.2, False),
        ("sparse", 1, 0.2, False),
    ]
    assert [result for _, result in first] == [result for _, result in second]
    clean, sparse = summarise(first)
    assert (clean.name, clean.seeds, sparse.name) == ("clean", 2, "sparse")
    accuracies = [100 * result["accuracy"] for point, result in first if point.name == "clean"]
    assert clean.accuracy == pytest.approx(sum(accuracies) / 2)
    assert clean.spread == pytest.approx(abs(accuracies[0] - accuracies[1]) / 2**0.5)
    assert markdown([clean]).splitlines()[2].startswith(f"| clean | 2 | {clean.accuracy:.2f} ± ")


def test_a_folder_of_another_configuration_is_not_taken_for_this_one(tmp_path: Path) -> None:
    points = read_grid(grid_file(tmp_path), tmp_path / "runs")[:1]
    list(sweep(points, lambda c, d, resume: execute(c, d, resume=resume)))
    changed = read_grid(grid_file(tmp_path), tmp_path / "runs", ["strategy.keep=0.7"])[:1]

    with pytest.raises(InputError, match="holds a run of another configuration"):
        list(sweep(changed, lambda c, d, resume: execute(c, d, resume=resume)))


def test_one_run_that_cannot_be_done_does_not_stop_the_others(tmp_path: Path) -> None:
    text = GRID.replace('sparse = ["strategy.keep=0.2"]', 'bad = ["attack.name=nothing"]')
    points = read_grid(grid_file(tmp_path, text), tmp_path / "runs")

    done = list(sweep(points, lambda c, d, resume: execute(c, d, resume=resume)))

    assert [point.name for point, _ in done] == ["clean", "clean"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("rnus = 3", "unknown key of grid .* 'rnus'; did you mean 'runs'"),
        ("seeds = [0]", "runs: takes a table"),
        ("[runs]\na = ['rounds=0']", "rounds: got 0"),
        ("[runs", "grid.toml: "),
    ],
)
def test_bad_grids(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_grid(grid_file(tmp_path, text), tmp_path / "runs")


@pytest.mark.parametrize(
    "path", sorted((Path(__file__).parents[2] / "experiments" / "configs").glob("*.toml")), ids=str
)
def test_the_shipped_configurations_are_valid(path: Path, tmp_path: Path) -> None:
    from experiments import config as configuration

    if "[runs]" in path.read_text():
        assert read_grid(path, tmp_path)
    else:
        assert configuration.read(path).clients == 1000
