from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from io import StringIO
from multiprocessing import Pipe
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest

from experiments.config import from_flat
from experiments.records import RunDirectory
from experiments.rounds.loop import execute
from experiments.sweep import sweep as sweeping
from experiments.sweep import view as viewing
from experiments.sweep.grid import Point
from experiments.sweep.summary import markdown, summarise
from experiments.sweep.sweep import Outcome, Progress, sweep
from experiments.sweep.view import View, sweep_view

SMALL = {"clients": 6, "clients_per_round": 3, "train.epochs": 1, "rounds": 2}


def point(folder: Path, name: str, number: int = 0, **keys: Any) -> Point:
    config = from_flat({**SMALL, **{key.replace("__", "."): value for key, value in keys.items()}})
    return Point(number, name, config, RunDirectory(folder / name / f"seed-{config.seed}"))


class Scripted:
    """Stands in for a job: ends when told, with what it is told."""

    under_way: ClassVar[list[Scripted]] = []

    def __init__(self, flat: Mapping[str, Any], path: Path, track: Sequence[str]) -> None:
        self.messages, self._theirs = Pipe()
        self.path = path
        self.stopped = self.closed = False
        Scripted.under_way.append(self)

    def say(self, message: dict[str, Any]) -> None:
        self._theirs.send_bytes(json.dumps(message).encode())

    def read(self) -> dict[str, Any]:
        message: dict[str, Any] = json.loads(self.messages.recv_bytes())
        return message

    def stop(self) -> None:
        self.stopped = True

    def close(self) -> None:
        self.closed = True
        Scripted.under_way.remove(self)


@pytest.fixture
def four_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    Scripted.under_way = []
    monkeypatch.setattr(sweeping, "usable_cores", lambda: 4)


@pytest.mark.usefixtures("four_cores")
@pytest.mark.parametrize(
    ("workers", "address", "jobs", "at_once"),
    [
        (0, "", 0, 4),
        (0, "", 3, 3),
        (0, "", 9, 4),
        (2, "", 0, 2),
        (3, "", 0, 1),
        (8, "", 0, 1),
        (8, "10.0.0.1:6379", 0, 4),
        (2, "10.0.0.1:6379", 3, 3),
    ],
)
def test_runs_under_way_never_need_more_than_the_cores(
    workers: int, address: str, jobs: int, at_once: int, tmp_path: Path
) -> None:
    engine = {"engine__name": "ray", "engine__workers": workers, "engine__address": address}
    points = [point(tmp_path, f"p{n}", n, **(engine if workers else {})) for n in range(9)]
    most = 0

    def watch(change: Progress | None) -> None:
        nonlocal most
        most = max(most, len(Scripted.under_way))
        if change is None and Scripted.under_way:
            Scripted.under_way[-1].say({"result": {"accuracy": 0.5}})

    ended = list(sweep(points, jobs=jobs, watch=watch, start=Scripted))

    assert most == at_once
    assert {outcome.point.name for outcome in ended} == {f"p{n}" for n in range(9)}


@pytest.mark.usefixtures("four_cores")
def test_a_run_that_fails_does_not_stop_the_others(tmp_path: Path) -> None:
    points = [point(tmp_path, name) for name in ("good", "bad", "better", "best", "damaged")]
    points[4].directory.path.mkdir(parents=True)
    (points[4].directory.path / "result.json").write_text("{")
    seen: list[tuple[str, str]] = []

    def watch(change: Progress | None) -> None:
        if change is not None:
            seen.append((change.point.name, change.state))
            return
        for job in Scripted.under_way:
            bad = job.path.parent.name == "bad"
            job.say({"error": "diverged"} if bad else {"result": {"accuracy": 0.5}})

    ended = {outcome.point.name: outcome for outcome in sweep(points, watch=watch, start=Scripted)}

    assert ended["bad"] == Outcome(points[1], None, "diverged")
    assert "result.json is damaged" in ended["damaged"].error
    assert {name for name in ended if ended[name].result} == {"good", "better", "best"}
    assert ("bad", "failed") in seen
    assert ("best", "done") in seen


@pytest.mark.usefixtures("four_cores")
def test_what_runs_is_stopped_and_waited_for_when_a_sweep_is_interrupted(tmp_path: Path) -> None:
    jobs: list[Scripted] = []

    def interrupt(change: Progress | None) -> None:
        if change is None:
            jobs.extend(Scripted.under_way)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(sweep([point(tmp_path, n) for n in "abc"], watch=interrupt, start=Scripted))

    assert [(job.stopped, job.closed) for job in jobs] == [(True, True)] * 3


def test_a_summary_averages_over_seeds(tmp_path: Path) -> None:
    result = {"best_accuracy": 1.0, "rejected": {"late": 2}, "attack_success_rate": None}
    ended = [
        Outcome(point(tmp_path, "b", 2), {**result, "accuracy": 0.3}),
        Outcome(point(tmp_path, "a", 0), {**result, "accuracy": 0.5}),
        Outcome(point(tmp_path, "a", 1, seed=1), {**result, "accuracy": 0.9}),
        Outcome(point(tmp_path, "c", 3), None, "failed"),
    ]

    rows = summarise(ended)

    assert [(row.name, row.seeds, row.rejected) for row in rows] == [("a", 2, 4), ("b", 1, 2)]
    assert rows[0].accuracy == pytest.approx(70)
    assert rows[0].spread == pytest.approx(40 / 2**0.5)
    assert markdown(rows).splitlines()[2].startswith("| a | 2 | 70.00 ± 28.28 |")


@pytest.fixture
def no_time_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(viewing, "time", SimpleNamespace(monotonic=lambda: 5.0))


@pytest.mark.usefixtures("no_time_passes")
def test_a_table_fits_eighty_columns(tmp_path: Path) -> None:
    from rich.console import Console

    points = [point(tmp_path, f"a-very-long-name-of-a-variation-{n}" * 3, n) for n in range(5)]
    view = View(points, tmp_path, 2)
    changes = [
        Progress(points[0], "done", 2, 0.9312, 10.0),
        Progress(points[1], "failed", error="strategy.rule: " + "much to say " * 20),
        Progress(points[2], "running", 1, 0.5, 4.0),
        Progress(points[3], "kept", 2, 0.25, 9.0),
    ]
    for change in changes:
        view.note(change)
    console = Console(width=80, record=True, file=StringIO())

    console.print(view.table(80))

    lines = console.export_text().splitlines()
    assert max(map(len, lines)) <= 80
    assert len(lines) == 5
    assert [line.split()[0] for line in lines] == ["failed", "done", "kept", "running", "2"]
    assert "93.12%" in lines[1]
    assert "1/2" in lines[3]
    assert lines[4] == "2 of 5 done, 1 failed, 0:00:00 so far, about 0:00:08 left, 1 waiting"


@pytest.mark.usefixtures("no_time_passes")
def test_lines_where_there_is_no_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    points = [point(tmp_path, "a"), point(tmp_path, "b", 1)]

    with sweep_view(points, tmp_path, 1, quiet=False) as watch:
        watch(Progress(points[0], "running"))
        watch(Progress(points[0], "running", 1, 0.3))
        watch(Progress(points[0], "done", 2, 0.5, 8.0))
        watch(Progress(points[1], "failed", error="it [broke]"))

    assert capsys.readouterr().err.splitlines() == [
        "running  a/seed-0",
        "done     a/seed-0  accuracy 50.00%  8.0 s  "
        "[1 of 2 done, 0:00:00 so far, about 0:00:08 left]",
        "failed   b/seed-0: it [broke]",
    ]


GRID = """
seeds = [0, 1]
set = ["rounds=12", "clients=20", "clients_per_round=4", "train.epochs=1"]
[runs]
clean = []
wrong = ["attack.name=ipm", "attack.fraction=0.1"]
"""


def frl(folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "experiments.cli", "sweep", "grid.toml", "--out", "runs"],
        cwd=folder,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )


@pytest.mark.timeout(1800)
def test_a_killed_sweep_carries_on_inside_its_runs(tmp_path: Path) -> None:
    (tmp_path / "grid.toml").write_text(GRID)
    rows = tmp_path / "runs" / "clean" / "seed-0" / "rounds.jsonl"
    killed = frl(tmp_path)
    deadline = time.monotonic() + 600
    while not (rows.exists() and len(rows.read_text().splitlines()) >= 3):
        assert time.monotonic() < deadline
        assert killed.poll() is None, killed.communicate()
        time.sleep(0.02)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    at_kill = len(rows.read_text().splitlines())

    again = frl(tmp_path)
    out, err = again.communicate(timeout=900)

    assert again.returncode == 1, err
    assert at_kill < 12
    assert "frl: 2 of 4 runs failed" in err.splitlines()[-1]
    assert "'ipm' is an attack on weights" in err
    assert "| clean | 2 |" in out
    straight = RunDirectory(tmp_path / "straight")
    flat = {"rounds": 12, "clients": 20, "clients_per_round": 4, "train.epochs": 1}
    result = execute(from_flat(flat), straight)
    carried_on = RunDirectory(rows.parent).result()
    assert carried_on is not None
    assert carried_on["digest"] == result["digest"]

    third = frl(tmp_path)
    _, err = third.communicate(timeout=900)
    assert [line for line in err.splitlines() if line.startswith("kept")] == [
        f"kept     clean/seed-{seed}  accuracy {accuracy:.2%}  from an earlier sweep"
        for seed in (0, 1)
        for accuracy in [
            (RunDirectory(tmp_path / f"runs/clean/seed-{seed}").result() or {})["accuracy"]
        ]
    ]
