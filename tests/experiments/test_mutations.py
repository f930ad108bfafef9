"""A damaged or edited record: one line that names the file, or the same outcome; never another.

``FRL_MUTATIONS`` sets about how many ``make soak`` tries with each command; without it, all.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import click
import pytest
from safetensors import safe_open

from experiments.cli import app
from experiments.config import read
from experiments.records import RunDirectory
from experiments.rounds.loop import execute
from frl.errors import FRLError
from frl.exchange.messages import digest
from tests.experiments.mutations import Mutation, mutations

SMALL = ["rounds=2", "clients=4", "clients_per_round=2", "train.epochs=1", "model.name=mlp"]
QUICK = [
    "data.partition=virtual",
    "data.samples=16",
    "strategy.coding=off",
]
COMMANDS = {
    "report": ["report", "RUN", "--format", "json"],
    "resume": ["resume", "RUN", "--json"],
    "export": ["export", "RUN", "-o", "OUT/model.bin"],
    "plot": ["plot", "RUN", "-o", "OUT/picture.png"],
    "certify": ["certify", "RUN", "--malicious", "1", "--no-attack", "--json"],
}


class Told(logging.Handler):
    """Keeps what was logged."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("runs") / "run"
    execute(read(None, [*SMALL, *QUICK]), RunDirectory(path))
    return path


@pytest.fixture(scope="module")
def stopped(finished: Path) -> Path:
    """The same run, stopped after its first round."""
    path = finished.with_name("stopped")
    shutil.copytree(finished, path)
    (path / "result.json").unlink()
    sorted((path / "checkpoint").iterdir())[-1].unlink()
    return path


def outcome(
    command: str, run: Path, capsys: pytest.CaptureFixture[str]
) -> tuple[str, Any, list[str]]:
    """Return ``done``, ``refused`` or a traceback; what was made; and what was said."""
    out = run.parent / "out"
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    words = [w.replace("RUN", str(run)).replace("OUT", str(out)) for w in COMMANDS[command]]
    told = Told()
    logging.getLogger().addHandler(told)
    capsys.readouterr()
    try:
        app(words, standalone_mode=False)
    except (FRLError, click.ClickException, OSError) as error:
        line = str(error)
        return ("refused" if line and "\n" not in line else "several lines"), None, [line]
    except Exception as error:  # what a user would see as a traceback
        return f"{type(error).__name__}: {error}", None, []
    finally:
        logging.getLogger().removeHandler(told)
    printed = capsys.readouterr()
    made = {path.name: _content(path) for path in out.iterdir()}
    text = "" if command in ("plot", "export") else _stable(printed.out)
    return "done", (text, made), [*told.lines, *printed.err.splitlines()]


def _content(path: Path) -> object:
    """Return what a file holds; the order of a safetensors file's metadata is not fixed."""
    if path.suffix != ".bin":
        return path.read_bytes()
    with safe_open(path, framework="numpy") as file:
        names = list(file.keys())
        return file.metadata(), digest({name: file.get_tensor(name) for name in names})


def _stable(text: str) -> str:
    """Leave out the times that a resumed run takes, and who made it."""
    if '"digest"' not in text:
        return text
    found = json.loads(text)
    return str({k: v for k, v in found.items() if k not in ("seconds", "made_by")})


def trial(
    mutation: Mutation, run: Path, command: str, whole: Any, capsys: pytest.CaptureFixture[str]
) -> str:
    """Mutate a copy, run a command on it, and return how that ended."""
    copy = run.with_name("copy")
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(run, copy)
    content = mutation.change((run / mutation.file).read_bytes())
    if content is None:
        (copy / mutation.file).unlink()
    else:
        (copy / mutation.file).write_bytes(content)
    ended, made, said = outcome(command, copy, capsys)
    if ended == "done" and made != whole and not said:
        return "another outcome without a word"
    return ended


def check(
    run: Path, command: str, chosen: list[Mutation], capsys: pytest.CaptureFixture[str]
) -> Counter[str]:
    copy = run.with_name("copy")
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(run, copy)
    ended, whole, _ = outcome(command, copy, capsys)
    assert ended == "done"
    ends = {m.name: trial(m, run, command, whole, capsys) for m in chosen}
    wrong = {name: end for name, end in ends.items() if end not in ("done", "refused")}
    assert not wrong, f"{len(wrong)} of {len(chosen)}, such as {list(wrong.items())[:5]}"
    return Counter(ends.values())


@pytest.mark.parametrize(
    ("command", "every"), [("report", 13), ("resume", 17), ("export", 61), ("plot", 151)]
)
def test_a_mutated_record_is_refused_or_makes_no_difference(
    finished: Path, command: str, every: int, capsys: pytest.CaptureFixture[str]
) -> None:
    chosen = list(mutations(finished, flips=20))[::every]

    ends = check(finished, command, chosen, capsys)

    assert ends["refused"] > 0.6 * len(chosen)


def test_a_mutated_record_of_a_stopped_run_is_not_carried_on(
    stopped: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    chosen = list(mutations(stopped, flips=10))[::61]

    ends = check(stopped, "resume", chosen, capsys)

    assert ends["refused"] > 0.5 * len(chosen)


@pytest.mark.soak
@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("state", ["finished", "stopped"])
def test_mutations_for_an_hour(
    request: pytest.FixtureRequest,
    state: str,
    command: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    run = request.getfixturevalue(state)
    every = list(mutations(run, flips=300, seed=1))
    chosen = every[:: max(1, len(every) // int(os.environ.get("FRL_MUTATIONS", len(every))))]
    if state == "stopped" and command == "report":
        pytest.skip("a report leaves out what is not finished")

    ends = check(run, command, chosen, capsys)

    print(state, command, len(chosen), "of", len(every), dict(ends))  # noqa: T201
