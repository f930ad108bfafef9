"""What the view reads fast, next to what is read slowly; and files that grow, against rereading."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from experiments.config import dump, from_flat
from experiments.config.configuration import recorded
from experiments.report.view.reading.growing_file import GrowingFile
from experiments.report.view.reading.index import Index
from experiments.report.view.reading.points import Point, point
from experiments.report.view.reading.recorded_config import recorded_config
from experiments.report.view.shown import shown
from frl.errors import InputError
from tests.experiments.viewed import row, write_run


@pytest.mark.parametrize(
    "text",
    [
        dump(from_flat({"seed": 3, "data.alpha": 0.1})),
        dump(from_flat({"strategy.rule": "trimmed_position(f=2)", "attack.name": "mimic"})),
        "rounds = 3\n",
        "plugins = [\n    'own.py',\n    'b',\n]\n[data]\nname = 'x'\n",
        "note = '''\n[data]\n'''\n[data]\nname = 'x'\n",
        "[strategy]\nname = 'frl'\nrule = 'trimmed_position(f=3)'\n",
    ],
)
def test_a_configuration_is_what_it_is_elsewhere(text: str, tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text(text)

    for _ in range(2):
        assert recorded_config(path) == recorded(path)


@pytest.mark.parametrize(
    "text",
    [
        "seed = 1\nseed = 2\n[data]\nname = 'x'\n",
        "[data]\nalpha = 1\n[data]\nname = 'x'\n",
        "[data]\nname = 'x'\nname = 'y'\n",
        "[data\n",
        "[data]\nname = \x00\n",
    ],
)
def test_a_damaged_configuration_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text(text)

    with pytest.raises(InputError, match="damaged"):
        recorded_config(path)


@given(
    accuracy=st.none() | st.floats(0, 1),
    loss=st.none() | st.floats(allow_nan=False, allow_infinity=False),
    number=st.integers(1, 10**6),
)
def test_a_row_is_read_as_json_is(accuracy: float | None, loss: float | None, number: int) -> None:
    fields = row(number, accuracy, loss=loss)
    whole = json.loads(json.dumps(fields))

    for order in (fields, dict(reversed(fields.items()))):
        found = point(json.dumps(order).encode())
        assert found == Point(number, whole["accuracy"], whole["loss"], None)


@settings(max_examples=30)
@given(parts=st.lists(st.binary(max_size=20), max_size=6))
def test_a_growing_file_gives_every_line_once(
    parts: list[bytes], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("growing") / "rows"
    file, lines = GrowingFile(path), []
    for part in parts:
        with path.open("ab") as written:
            written.write(part)
        added = file.added()
        lines += added.lines if added else []

    content = path.read_bytes() if path.exists() else b""
    assert lines == content.split(b"\n")[:-1]
    assert file.added() is None or not content


def test_a_file_that_is_cut_or_replaced_is_read_anew(tmp_path: Path) -> None:
    path = tmp_path / "rows"
    path.write_bytes(b"1\n2\n3\n")
    file = GrowingFile(path)
    assert file.added() == (True, [b"1", b"2", b"3"])
    path.write_bytes(b"1\n")
    assert file.added() == (True, [b"1"])
    (tmp_path / "other").write_bytes(b"4\n5\n")
    (tmp_path / "other").replace(path)
    assert file.added() == (True, [b"4", b"5"])


def test_rows_of_finished_runs_wait_until_they_are_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("experiments.report.view.reading.index._READ_AHEAD", 1e9)
    write_run(tmp_path / "run", [0.25, 0.75])
    rows = tmp_path / "run" / "rounds.jsonl"
    rows.write_text("broken\n" + rows.read_text())
    (run,) = (index := Index([tmp_path])).runs()

    assert (run.unread, run.state) == (True, "finished")
    assert (run.round, run.accuracy, run.best) == (2, 0.75, 1.0)
    before = index.version
    index.runs()
    assert index.runs()[0].state == "damaged"
    assert index.version > before


def test_a_silent_run_counts_as_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_run(tmp_path / "run", [0.5], rounds=2)
    (run,) = Index([tmp_path]).runs()
    at = (tmp_path / "run" / "rounds.jsonl").stat().st_mtime
    monkeypatch.setattr("time.time", lambda: at + 100)
    assert run.state == "running"

    monkeypatch.setattr("time.time", lambda: at + 1000)
    assert run.state == "stopped"


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("plain name", "plain name"),
        ("é 漢字", "é 漢字"),
        ("a\x1b[2J", "a\\x1b[2J"),
        ("a\u202eb", "a\\u202eb"),
        ("a\udcffb", "a\\udcffb"),
        ("a\nb", "a\\x0ab"),
    ],
)
def test_what_cannot_be_seen_is_shown_by_its_code(text: str, seen: str) -> None:
    assert shown(text) == seen
