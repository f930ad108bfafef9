"""What is written for other programs and plain terminals: JSON, ASCII, Latin-1."""

from __future__ import annotations

import errno
import json
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.config import read
from experiments.records import RunDirectory
from experiments.records.json_text import json_text, parsed, recordable
from experiments.report.metrics import measure
from experiments.report.outcomes import outcomes
from experiments.report.plots.base import number_columns
from experiments.report.statistics import compare
from experiments.report.tables import markdown, tables
from experiments.sweep import job
from frl.data.store import Store
from frl.errors import InputError, StoppedError
from frl.registry.call_syntax import parse_calls
from tests.experiments.recorded import recorded

ROOT = Path(__file__).parents[2]
TYPED = "é 3 ± 1 … \N{MULTIPLICATION SIGN}"


def test_what_is_no_finite_number_becomes_null_and_is_named() -> None:
    record = {"a": math.nan, "b": [1.0, -math.inf], "c": {"d": (math.inf,)}, "e": 0.5}

    found = json.loads(json_text(recordable(record)), parse_constant=pytest.fail)

    assert found == {
        "a": None,
        "b": [1.0, None],
        "c": {"d": [None]},
        "e": 0.5,
        "not_finite": {"a": "nan", "b.1": "-inf", "c.d.0": "inf"},
    }
    assert recordable({"a": 1.0}) == {"a": 1.0}
    assert parsed('{"a": NaN, "b": [Infinity]}') == {"a": None, "b": [None]}


@pytest.mark.parametrize("deep", [b"[" * 100_000, b"[" * 60 + b"]" * 60, b'{"a":' * 500])
def test_json_that_is_nested_too_deeply_is_no_crash(deep: bytes) -> None:
    with pytest.raises(ValueError, match=r"nested too deeply|Expecting"):
        parsed(deep)


@pytest.mark.parametrize(
    ("encoding", "bytes_of"),
    [
        ("ascii", b"e 3 +- 1 ... x\n"),
        ("latin-1", b"\xe9 3 \xb1 1 ... \xd7\n"),
        ("utf-8", f"{TYPED}\n".encode()),
    ],
)
def test_plain_letters_where_there_are_no_others(encoding: str, bytes_of: bytes) -> None:
    program = (
        "import sys, typer; from experiments.config.plain_letters import use_plain_letters;"
        "use_plain_letters(); print(sys.argv[1]); sys.stdout.flush(); typer.echo(sys.argv[1])"
    )

    done = subprocess.run(
        [sys.executable, "-c", program, TYPED],
        cwd=ROOT,
        capture_output=True,
        env={**os.environ, "PYTHONIOENCODING": encoding, "PYTHONUTF8": "1"},
        timeout=600,
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout == 2 * bytes_of


def test_a_configuration_may_begin_with_a_byte_order_mark(tmp_path: Path) -> None:
    (tmp_path / "marked.toml").write_bytes(b"\xef\xbb\xbfrounds = 7\n")

    assert read(tmp_path / "marked.toml").rounds == 7


@pytest.mark.parametrize(
    "text",
    [
        "-" * 5000 + "x",
        "-" * 900 + "x",
        "(" * 900,
        "a(x=" + "-" * 900 + "1)",
        "a" + ".a" * 490,
        "a(x={[]: 1})",
        "a(x=1, x=2)",
        "a(x=1e999)",
        "a(x=b'1')",
    ],
)
def test_a_name_that_cannot_be_read_is_one_line(text: str) -> None:
    with pytest.raises(InputError, match=r"^strategy.rule: got .*takes name or name\(") as told:
        parse_calls("strategy.rule", text)

    assert len(str(told.value)) < 1300


def test_the_mean_of_the_last_rounds_is_over_the_evaluations_in_them() -> None:
    """Twenty rounds, evaluated every third: rounds 12, 15, 18 and 20 are in the last ten."""
    accuracies = [n / 100 if n % 3 == 0 or n == 20 else None for n in range(1, 21)]

    runs = measure(recorded("a", accuracies))

    assert runs["last"].tolist() == pytest.approx([(12 + 15 + 18 + 20) / 4])
    assert runs["evaluations"].tolist() == [4]
    text = markdown(tables(outcomes(runs), [], [], None))
    assert "| mean of last 10 rounds |" in text
    assert "| 16.25 (of 4) |" in text


def test_one_pair_has_no_p_value() -> None:
    found = compare([0.9], [0.5])

    assert (found.t_p, found.wilcoxon_p) == (None, None)
    assert compare([0.9, 0.8, 0.7], [0.5, 0.5, 0.5]).wilcoxon_p == pytest.approx(0.25)


@pytest.mark.parametrize(
    ("rows", "columns", "panels"), [(2, 2, 3), (2, 2, 4), (3, 2, 5), (1, 1, 1)]
)
def test_the_last_panel_of_each_column_has_numbers(rows: int, columns: int, panels: int) -> None:
    figure = Figure()
    grid = figure.subplots(rows, columns, sharex=True, squeeze=False)

    number_columns(grid, panels)

    left = [axes for axes in grid.flat if axes in figure.axes]
    assert len(left) == panels

    def numbered(axes: Axes) -> bool:
        return bool(axes.xaxis.get_tick_params()["labelbottom"])

    last = left[-columns:] if panels >= columns else left
    assert all(map(numbered, last))
    assert not any(map(numbered, left[: -columns or None]))


def test_a_long_temporary_folder_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise OSError("AF_UNIX path too long")

    monkeypatch.setattr(job.forkserver, "ensure_running", fail)

    with pytest.raises(InputError, match=r"TMPDIR: .* is too long for the sockets of a sweep"):
        job.prepare()


def test_a_file_system_without_locks_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(FileLock, "acquire", fail)

    with (
        pytest.raises(InputError, match=f"{tmp_path}: No locks available; its file system keeps"),
        RunDirectory(tmp_path).locked(),
    ):
        pass


def test_a_full_cache_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise OSError("91968 requested and 65408 written")

    monkeypatch.setattr("numpy.save", fail)

    with pytest.raises(StoppedError, match=f"cannot keep data in {tmp_path} .*FRL_CACHE"):
        Store(tmp_path / "entry").write({"a": 1}, {})  # type: ignore[dict-item]

    assert list(tmp_path.iterdir()) == []
