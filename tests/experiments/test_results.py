"""The results on record: each belongs to its grid, and the pages say what they say."""

from __future__ import annotations

import re
import statistics
from pathlib import Path

import pandas as pd
import pytest

from docs.searches import searches
from experiments.sweep.grid import read_grid
from strategies import rules

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "experiments" / "results"
GRIDS = sorted(path.stem for path in RESULTS.glob("mnist_*.csv"))


def recorded(name: str) -> pd.DataFrame:
    return pd.read_csv(RESULTS / f"{name}.csv")


def finals(name: str) -> dict[str, list[float]]:
    """Return each run's last accuracies in percent, by seed."""
    last = recorded(name).groupby(["run", "seed"], sort=True).last()["accuracy"]
    found: dict[str, list[float]] = {}
    for (run, _), accuracy in last.items():  # type: ignore[misc]
        found.setdefault(str(run), []).append(100 * accuracy)
    return found


@pytest.mark.parametrize("name", GRIDS)
def test_every_result_is_of_its_grid(name: str, tmp_path: Path) -> None:
    points = read_grid(ROOT / "experiments" / "configs" / f"{name}.toml", tmp_path)
    rounds = {(point.name, point.config.seed): point.config.rounds for point in points}

    for key, rows in recorded(name).groupby(["run", "seed"]):
        assert rows["round"].is_monotonic_increasing
        assert rows["round"].iloc[-1] == rounds[key]  # type: ignore[index]
        assert rows["accuracy"].between(0, 1).all()
        assert re.fullmatch("[0-9a-f]{64}", rows["digest"].iloc[-1])
        assert rows["digest"].iloc[:-1].isna().all()


def test_the_comparison_in_the_docs_is_that_of_the_results() -> None:
    found = finals("mnist_defences")
    page = (ROOT / "docs" / "robustness.md").read_text(encoding="utf-8")
    table = page.split("\n## The comparison on MNIST\n")[1].split("\n## ")[0]
    rows = [line.strip("| ").split(" | ") for line in table.splitlines() if line[:1] == "|"][2:]
    shown: dict[str, str] = {}
    for run, clean, attack, attacked, _ in rows:
        shown[f"{run.strip('`')}-clean"] = clean
        shown[f"{run.strip('`')}-{attack.strip('`')}"] = attacked

    assert shown == {run: told(values) for run, values in found.items()}


def test_the_advice_is_made_of_the_results() -> None:
    page = (ROOT / "docs" / "which_defence.md").read_text(encoding="utf-8")
    found = [
        [
            search.defence,
            rules.get(search.defence).space,
            f"{search.malicious:.0%}",
            f"{search.clean.mean():.1f}",
            search.attack,
            f"{search.worst.mean():.1f}",
        ]
        for search in searches()
    ]
    compared = {
        tuple(run.rsplit("-", 1)): statistics.mean(values)
        for run, values in finals("mnist_defences").items()
    }

    search, mnist = (cells(part) for part in page.split("\n## ")[1:3])
    assert search == found
    for run, clean, attack, attacked in mnist:
        assert (f"{compared[run, 'clean']:.1f}", f"{compared[run, attack]:.1f}") == (
            clean,
            attacked,
        )
    assert len(mnist) == len(compared) / 2


def cells(text: str) -> list[list[str]]:
    """Return the rows of the table in a part of a page."""
    lines = [line for line in text.splitlines() if line[:1] == "|"][2:]
    return [[cell.strip("` ") for cell in line.strip("|").split("|")] for line in lines]


def test_the_worst_of_a_search_is_the_lowest_mean_of_those_with_every_seed() -> None:
    rows = recorded("digits_redteam")
    means: dict[tuple[str, float, str], list[float]] = {}
    for row in rows[rows["rounds"] == 36].itertuples():
        means.setdefault((row.defence, row.malicious, row.attack), []).append(100 * row.accuracy)

    for search in searches():
        of = search.defence, search.malicious
        whole = {
            key[2]: statistics.mean(values)
            for key, values in means.items()
            if key[:2] == of and len(values) == 2
        }
        clean = whole.pop("none")
        assert search.attack == min(whole, key=whole.__getitem__)
        assert search.lost == pytest.approx(clean - whole[search.attack])
        assert search.runs == 72


def told(values: list[float]) -> str:
    """Write a mean over three seeds, or say how many there are."""
    if len(values) == 3:
        return f"{statistics.mean(values):.2f} ± {statistics.stdev(values):.2f}"
    return f"{statistics.mean(values):.2f} (n = {len(values)})"
