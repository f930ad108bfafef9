"""Kept results: the picture of them is of the rows in the file."""

from __future__ import annotations

import csv
from collections import defaultdict
from pathlib import Path
from statistics import fmean

import pytest

from docs.pictures import kept_results
from experiments.report.metrics import exchanged, measure
from frl.errors import InputError

ROOT = Path(__file__).parents[1]
GRID = ROOT / "experiments" / "configs" / "mnist_defences.toml"
ROWS = ROOT / "experiments" / "results" / "mnist_defences.csv"


def test_means_over_seeds_are_those_of_the_rows() -> None:
    last: dict[tuple[str, str], float] = {}
    with ROWS.open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            last[row["run"], row["seed"]] = float(row["accuracy"])
    by_run = defaultdict(list)
    for (run, _), accuracy in last.items():
        by_run[run].append(100 * accuracy)

    runs = measure(kept_results(GRID, ROWS))
    names = runs["run"].str.partition("/")[0]

    assert runs.groupby(names)["final"].mean().to_dict() == pytest.approx(
        {run: fmean(values) for run, values in by_run.items()}
    )
    assert set(runs.loc[names == "median-ipm", "attack"]) == {"ipm"}


def test_runs_are_chosen_by_name() -> None:
    assert set(kept_results(GRID, ROWS, ["mean-clean"])["strategy.name"]) == {"fedavg"}
    with pytest.raises(InputError, match=r"holds no nobody of .*mnist_defences.toml"):
        kept_results(GRID, ROWS, ["nobody"])


def test_kept_totals_of_bytes_are_those_that_are_drawn() -> None:
    grid = ROOT / "experiments" / "configs" / "digits_bits.toml"
    rows = ROOT / "experiments" / "results" / "digits_bits.csv"
    with rows.open(encoding="utf-8") as file:
        kept = [row for row in csv.DictReader(file) if row["run"] in ("frl-clean", "sign_sgd-ipm")]

    found = kept_results(grid, rows, ["frl-clean", "sign_sgd-ipm"])

    for ways in (("up",), ("down",), ("up", "down")):
        total = [sum(float(row[f"megabytes_{way}"]) for way in ways) for row in kept]
        assert (exchanged(found, ways) / 1e6).tolist() == pytest.approx(total)
