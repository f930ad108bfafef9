"""``make gpu``, tried on a CPU: what it checks, what it writes, and where it stops."""

from __future__ import annotations

import csv
from itertools import count
from pathlib import Path

import pytest
import torch

from experiments.benchmarks.gpu import equality
from experiments.benchmarks.gpu.__main__ import main
from experiments.benchmarks.gpu.timed_run import run_until
from experiments.config import from_flat
from frl.cohort import selection
from frl.cohort import trainer as cohort_trainer
from frl.cohort.fit import fit_together

SMALL = {"rounds": 3, "clients_per_round": 2, "train.epochs": 1, "eval_every": 1}


def table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_a_trial_measures_everything_and_writes_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--device", "cpu", "--out", str(tmp_path)]) == 0

    figures = {row["name"]: row for row in table(tmp_path / "figures.csv")}
    assert list(figures) == ["exact-conv2", "alike-conv2", "repeated-conv2", "cohort-cpu-conv2"]
    assert float(figures["exact-conv2"]["measured"]) == 0
    assert float(figures["cohort-cpu-conv2"]["measured"]) > 0
    times = table(tmp_path / "selection.csv")
    assert {(row["layer"], row["clients"]) for row in times} >= {("fc1", "1"), ("fc1", "3")}
    assert all(float(row[how]) > 0 for row in times for how in selection.SELECTIONS)
    assert all(row["fastest"] in selection.SELECTIONS for row in times)
    page = (tmp_path / "figures.md").read_text(encoding="utf-8")
    assert page.startswith(f"# CPU, torch {torch.__version__}\n")
    assert "2 rounds in" in page
    assert "Finished." in capsys.readouterr().out


def test_without_a_device_it_says_so_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)

    assert main(["--out", str(tmp_path / "gpu")]) == 2

    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "no CUDA device" in said
    assert not (tmp_path / "gpu").exists()


def test_on_a_device_its_name_and_the_run_of_the_paper_are_on_the_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "A Device")

    assert main(["--out", str(tmp_path), "--minutes", "0"]) == 0

    page = (tmp_path / "figures.md").read_text(encoding="utf-8")
    assert page.startswith("# A Device, torch")
    assert "CIFAR-10, Conv8, 7 coats" in page


def test_what_does_not_fit_into_the_minutes_is_left_out_and_said(tmp_path: Path) -> None:
    ticks = count(step=60.0)

    assert (
        main(["--device", "cpu", "--out", str(tmp_path), "--minutes", "1.5"], ticks.__next__) == 0
    )

    checked = ["exact-conv2", "alike-conv2", "repeated-conv2"]
    assert [row["name"] for row in table(tmp_path / "figures.csv")] == checked
    assert "Not run: the minutes were over." in (tmp_path / "figures.md").read_text("utf-8")
    assert not (tmp_path / "run").exists()


def test_a_run_stops_when_the_time_is_over_and_goes_on_later(tmp_path: Path) -> None:
    config = from_flat(SMALL)

    stopped = run_until(config, tmp_path / "run", left=lambda: 0.0)
    carried_on = run_until(config, tmp_path / "run", left=lambda: float("inf"))
    finished = run_until(config, tmp_path / "run", left=lambda: 0.0)
    at_once = run_until(config, tmp_path / "other", left=lambda: float("inf"))

    assert [row["round"] for row in stopped] == [1]
    assert carried_on[:1] == stopped
    assert finished == carried_on
    assert [row["loss"] for row in carried_on] == [row["loss"] for row in at_once]


def test_a_selection_that_is_wrong_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(selection.SELECTIONS, "topk", lambda values, k: values > 0)

    row = equality.exact("conv2", "cpu")

    assert row.met is False


def test_a_cohort_that_trains_otherwise_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = count()

    def drifting(call, stack, values, *rest):  # type: ignore[no-untyped-def]
        fits = fit_together(call, stack, values, *rest)
        for scores in values.values():
            scores.add_(torch.randn_like(scores) * next(calls))
        return fits

    monkeypatch.setattr(cohort_trainer, "fit_together", drifting)

    alike, repeated = equality.alike("conv2", "cpu", 2)

    assert alike.met is False
    assert repeated.met is False


def test_a_cohort_that_falls_back_is_not_called_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> None:
        raise RuntimeError("no kernel")

    monkeypatch.setattr(cohort_trainer, "fit_together", fails)

    rows = equality.alike("conv2", "cpu", 2)

    assert [row.met for row in rows] == [None, None]
