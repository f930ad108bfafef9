"""The view of very many runs: how soon its first page is there, and how soon a new round is."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil

from experiments.benchmarks.made_up_runs import write_run
from experiments.benchmarks.row import Row
from experiments.records import RESULT, ROUNDS

NAMES = ("view-first-page", "view-new-round")
_RUNS, _ROWS = 1000, 200
_WAIT = 0.5
"""Seconds that a page waits between two looks while a run is under way."""


def measure(name: str) -> Row:
    """Measure one row on made-up runs, which are in the cache of the file system."""
    with TemporaryDirectory() as folder:
        for number in range(_RUNS):
            write_run(Path(folder) / f"run-{number:04d}", number, _ROWS)
        (Path(folder) / "run-0000" / RESULT).unlink()
        return _first(name, folder) if name == NAMES[0] else _new(name, folder)


def _first(name: str, folder: str) -> Row:
    begun = time.perf_counter()
    with _server(folder) as (address, process):
        started = time.perf_counter() - begun
        page = _get(address)[0]
        whole = time.perf_counter() - begun
        spent = process.cpu_times()
        figure = f"frl view of {_RUNS} runs of {_ROWS} rounds: seconds to its first page"
        details: dict[str, float | str] = {
            "until_it_answers_s": started,
            "processor_s": spent.user + spent.system,
            "bytes": float(len(page)),
        }
    return Row(name, figure, whole, 2.0, "lower", details)


def _new(name: str, folder: str) -> Row:
    """Add a round to one run, and ask for both pages that show it until they do."""
    with _server(folder) as (address, process):
        page, _ = _get(address)
        found = re.search(r'(run/\w+)"><bdi>run-0000', page)
        places = {"all": address, "one": address + (found[1] if found else "")}
        seconds: dict[str, float | str] = {}
        for number, (which, place) in enumerate(places.items(), start=_ROWS + 1):
            tag = _get(place)[1]
            before = process.cpu_times().user
            begun = time.perf_counter()
            _add(Path(folder) / "run-0000" / ROUNDS, number)
            text, _ = _get(place, tag)
            seconds[f"{which}_s"] = time.perf_counter() - begun
            seconds[f"{which}_processor_s"] = process.cpu_times().user - before
            if not re.search(rf"\b{number}( of |/){_ROWS}", text):
                return Row(name, "", None, 1.0, "lower", {"not_measured": "no new round"})
    figure = "the same: seconds to a page with a new round, its wait between looks included"
    slowest = max(float(seconds["all_s"]), float(seconds["one_s"]))
    return Row(name, figure, _WAIT + slowest, 1.0, "lower", seconds)


@contextmanager
def _server(folder: str) -> Iterator[tuple[str, psutil.Process]]:
    command = [sys.executable, "-m", "experiments.cli", "view", folder, "--port", "0"]
    process = subprocess.Popen(  # noqa: S603
        command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONUNBUFFERED": "1"}
    )
    try:
        if process.stdout is None:
            raise RuntimeError("the view has no output")
        yield process.stdout.readline().split()[0], psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait()


def _get(address: str, tag: str = "") -> tuple[str, str]:
    """Return a page, and the tag by which to ask whether it changed."""
    request = urllib.request.Request(address, headers={"If-None-Match": tag})  # noqa: S310
    with urllib.request.urlopen(request) as answer:  # noqa: S310
        return answer.read().decode(), answer.headers["ETag"]


def _add(path: Path, number: int) -> None:
    with path.open("r+", encoding="utf-8") as file:
        row = json.loads(file.readline())
        file.seek(0, os.SEEK_END)
        file.write(json.dumps({**row, "round": number}) + "\n")
