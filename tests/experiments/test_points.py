from __future__ import annotations

from pathlib import Path

import pytest

from experiments import config as configuration
from experiments.records import RunDirectory
from experiments.sweep.grid import chosen, read_grid
from frl.errors import InputError

GRID = """
seeds = [0, 1]
set = ["rounds=1", "clients=6", "clients_per_round=3"]
[runs]
clean = []
sparse = ["strategy.keep=0.2"]
"""

PRODUCT = """
seeds = [3]
[blocks.rule]
frl = []
median = { strategy.name = "fedavg", strategy.rule = "median" }
[blocks.attack]
clean = {}
loud = ["attack.name=rank_noise", "attack.fraction=0.2"]
[lists]
data.alpha = [0.1, 1.0]
data.augment = [true, false]
"""


def grid_file(folder: Path, text: str = GRID) -> Path:
    path = folder / "grid.toml"
    path.write_text(text)
    return path


def test_named_runs_over_seeds(tmp_path: Path) -> None:
    points = read_grid(grid_file(tmp_path), tmp_path / "runs", ["rounds=2"])

    assert [
        (p.name, p.config.seed, p.config.strategy.keep, p.config.rounds, p.directory.path)
        for p in points
    ] == [
        ("clean", 0, 0.5, 2, tmp_path / "runs/clean/seed-0"),
        ("clean", 1, 0.5, 2, tmp_path / "runs/clean/seed-1"),
        ("sparse", 0, 0.2, 2, tmp_path / "runs/sparse/seed-0"),
        ("sparse", 1, 0.2, 2, tmp_path / "runs/sparse/seed-1"),
    ]


def test_blocks_and_lists_are_combined(tmp_path: Path) -> None:
    points = read_grid(grid_file(tmp_path, PRODUCT), tmp_path / "runs")

    seen = {
        (p.config.strategy.rule, p.config.attack.name, p.config.data.alpha, p.config.data.augment)
        for p in points
    }
    assert len(points) == len(seen) == 16
    assert seen == {
        (rule, attack, alpha, augment)
        for rule in ("change_vote", "median")
        for attack in ("none", "rank_noise")
        for alpha in (0.1, 1.0)
        for augment in (True, False)
    }
    assert points[5].name == "frl-loud-alpha=0.1-augment=False"
    assert points[-1].directory.path == (
        tmp_path / "runs/median-loud-alpha=1.0-augment=False/seed-3"
    )


def finish(directory: RunDirectory, text: str) -> None:
    directory.path.mkdir(parents=True)
    (directory.path / "config.toml").write_text(text)


def test_a_run_is_found_by_its_configuration_wherever_it_lies(tmp_path: Path) -> None:
    out = tmp_path / "runs"
    sparse = read_grid(grid_file(tmp_path), out)[2]
    elsewhere = RunDirectory(out / "thin" / "first")
    finish(elsewhere, configuration.dump(sparse.config))

    again = read_grid(grid_file(tmp_path), out)

    assert [p.directory.path.relative_to(out).as_posix() for p in again] == [
        "clean/seed-0",
        "clean/seed-1",
        "thin/first",
        "sparse/seed-1",
    ]


def test_a_recorded_configuration_without_a_newer_key_is_the_same(tmp_path: Path) -> None:
    point = read_grid(grid_file(tmp_path), tmp_path / "runs")[0]
    lines = configuration.dump(point.config).splitlines()
    older = [line for line in lines if not line.startswith(("eval_every", "ballot_", "redraw"))]
    assert len(older) == len(lines) - 5
    finish(point.directory, "\n".join(older))

    assert read_grid(grid_file(tmp_path), tmp_path / "runs")[0].directory.begun()


@pytest.mark.parametrize("override", ["strategy.keep=0.7", "strategy.ballot_bits=4", "rounds=9"])
def test_a_folder_of_another_configuration_is_not_taken_for_this_one(
    override: str, tmp_path: Path
) -> None:
    point = read_grid(grid_file(tmp_path), tmp_path / "runs")[0]
    finish(point.directory, configuration.dump(point.config))

    with pytest.raises(InputError, match="clean/seed-0 holds a run of another configuration"):
        read_grid(grid_file(tmp_path), tmp_path / "runs", [override])


def test_equal_configurations_are_one_point(tmp_path: Path) -> None:
    text = GRID + 'same = ["strategy.keep=0.5"]\n'

    assert len(read_grid(grid_file(tmp_path, text), tmp_path / "runs")) == 4


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("rnus = 3", "unknown key of grid .* 'rnus'; did you mean 'runs'"),
        ("seeds = [0]", "takes at least one of the tables runs, blocks and lists"),
        ("[runs]", "runs: takes a table of names"),
        ("seeds = 3\n[runs]\na = []", "seeds: got 3; takes a list of whole numbers"),
        ("[runs]\na = ['rounds=0']", "a: rounds: got 0"),
        ("[runs]\na = 'rounds=3'", "runs.a: got 'rounds=3'; takes a list of"),
        ("[runs]\na = ['rounds']", "a: -o 'rounds': takes key=value"),
        ("[lists]\nseed = [1, 2]", "lists.seed: takes its values from seeds"),
        ("[lists]\nrounds = 3", "lists.rounds: got 3; takes a list of values"),
        ("[lists]\nround = [3]", "unknown configuration key 'round'; did you mean 'rounds'"),
        ("[blocks]\na = []", "blocks.a: takes a table of names"),
        ("[runs]\n'a/b' = []\na_b = ['rounds=3']", "two runs of the grid would lie there"),
        ("[runs]\n'..' = []", "a name of a run takes letters"),
        ("base = 'no.toml'\n[runs]\na = []", "no configuration file"),
        ("[runs", "grid.toml: "),
    ],
)
def test_bad_grids(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_grid(grid_file(tmp_path, text), tmp_path / "runs")


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (
            ["*-loud-*=1.0-*True"],
            ["frl-loud-alpha=1.0-augment=True", "median-loud-alpha=1.0-augment=True"],
        ),
        (
            ["median-clean-alpha=0.1-augment=True", "frl-clean-alpha=0.1-*"],
            [
                "frl-clean-alpha=0.1-augment=True",
                "frl-clean-alpha=0.1-augment=False",
                "median-clean-alpha=0.1-augment=True",
            ],
        ),
    ],
)
def test_runs_are_chosen_by_name(tmp_path: Path, names: list[str], expected: list[str]) -> None:
    points = read_grid(grid_file(tmp_path, PRODUCT), tmp_path / "runs")
    assert [point.name for point in chosen(points, names)] == expected
    with pytest.raises(InputError, match=r"unknown run of the grid 'frl' \(takes: frl-clean-"):
        chosen(points, [*names, "frl"])


@pytest.mark.parametrize(
    "path", sorted((Path(__file__).parents[2] / "experiments" / "configs").glob("*.toml")), ids=str
)
def test_the_shipped_configurations_are_valid(path: Path, tmp_path: Path) -> None:
    if "[runs]" in path.read_text() or "[blocks." in path.read_text():
        assert read_grid(path, tmp_path)
    else:
        clients = {"digits_low": 20, "mnist_low": 500}.get(path.stem, 1000)
        assert configuration.read(path).clients == clients
