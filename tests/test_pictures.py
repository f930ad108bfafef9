"""Kept results: the picture of them is of the rows in the file."""

from __future__ import annotations

import csv
from collections import defaultdict
from pathlib import Path
from statistics import fmean

import pytest

from docs.evidence import evidence, table
from docs.pictures import kept_results
from docs.searches import searches
from docs.searches import table as table_of_searches
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


def test_the_table_of_ranks_and_weights_is_that_of_the_page() -> None:
    assert table(evidence()) in (ROOT / "docs" / "masks.md").read_text(encoding="utf-8")


def test_the_table_of_searches_is_that_of_the_page() -> None:
    page = (ROOT / "docs" / "robustness.md").read_text(encoding="utf-8")

    assert table_of_searches(searches()) in page


def test_ranks_are_chosen_on_held_out_examples_and_compared_seed_by_seed() -> None:
    with (ROOT / "experiments" / "results" / "adult_mlp.csv").open(encoding="utf-8") as file:
        last = {(row["run"], row["seed"]): float(row["accuracy"]) for row in csv.DictReader(file)}
    best = {
        kind: max(value for (run, _), value in last.items() if run.startswith(f"search-{kind}"))
        for kind in ("published", "coats7")
    }

    row = next(row for row in evidence() if row.name.startswith("Adult"))

    assert (row.chosen == "published") == (best["published"] > best["coats7"])
    assert row.ahead["coats-7"].to_dict() == pytest.approx(
        {
            int(seed): 100 * (last["coats-7", seed] - last["weights", seed])
            for seed in ("0", "1", "2")
        }
    )
