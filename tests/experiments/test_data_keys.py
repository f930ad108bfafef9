"""The keys ``data.*`` at the command line: what is taken is said, what is wrong is one line."""

from __future__ import annotations

import json
import logging
import sys
from pathlib import Path

import pytest

from experiments.cli import main
from experiments.config import read
from experiments.setup import Setup
from experiments.setup.data import reading_of
from frl.data import Reading
from frl.errors import InputError
from tests.frl.data.inputs import Frame, grey, write_pictures, write_table

QUICK = ["rounds=1", "clients=3", "clients_per_round=2", "train.epochs=1", "model.name=mlp"]


def frl(monkeypatch: pytest.MonkeyPatch, folder: Path, *keys: str) -> int:
    options = [part for key in (*QUICK, f"data.path={folder}", *keys) for part in ("-o", key)]
    out = str(folder.parent / "run")
    monkeypatch.setattr(sys, "argv", ["frl", "run", *options, "--out", out, "--json"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert isinstance(ended.value.code, int)
    return ended.value.code


def test_a_run_by_a_text_column_says_what_it_takes(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    def change(table: Frame, split: str) -> Frame:
        hospital = [f"h{n % 3}" for n in range(len(table))]
        return table.rename(columns={"label": "income"}).assign(hospital=hospital, note="x")

    caplog.set_level(logging.INFO, "frl.data")
    folder = write_table(tmp_path / "table", change)
    keys = ["data.partition=natural", "data.column=hospital", "data.label=income"]

    assert frl(monkeypatch, folder, *keys) == 0

    assert json.loads(capsys.readouterr().out)["accuracy"] >= 0
    said = [record.getMessage() for record in caplog.records if record.name == "frl.data"]
    assert said == [
        "30 train and 9 test examples of 2, inputs 'u' (number), 'v' (number), label 'income' of "
        "3 classes",
        "left out: 'hospital' (data.column); left out: 'note' (text)",
    ]


@pytest.mark.parametrize("kind", ["hole", "picture", "key"])
def test_bad_data_are_one_line_and_exit_status_2(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    keys: list[str] = []
    if kind == "picture":
        folder = write_pictures(tmp_path / "pictures", grey)
        (folder / "train" / "c1" / "04.png").write_bytes(b"\x89PNG")
        words = "c1/04.png"
    else:
        hole = lambda t, s: t.assign(u=t["u"].where(t.index != 3))  # noqa: E731
        folder = write_table(tmp_path / "table", hole if kind == "hole" else None)
        words = "column 'u' has no value in row 4 of train" if kind == "hole" else "'w'"
        keys = ["data.inputs=u,w"] if kind == "key" else []

    assert frl(monkeypatch, folder, *keys) == 2

    out, err = capsys.readouterr()
    assert out == ""
    assert words in err
    assert len(err.splitlines()) <= 1 + err.count("INFO")
    assert not (tmp_path / "run").exists()


def test_keys_as_they_are_written() -> None:
    config = read(None, ['data.inputs=["a", "b,c"]', "data.test=0.2", "data.resize=28"])

    assert reading_of(config).input_names == ("a", "b,c")
    assert reading_of(config) == Reading(inputs='a,"b,c"', test="0.2", resize="28")


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("data.missing=median", "data.missing: got 'median'; takes 'refuse', 'mean' or 'drop'"),
        ("data.convert=l", "data.convert: got 'l'"),
        ("data.resize=big", "data.resize: got 'big'; takes HEIGHTxWIDTH"),
        ("data.test=1.5", "data.test: got 1.5; takes"),
        ("data.inputs=a,a", "data.inputs: got 'a,a'"),
    ],
)
def test_bad_keys_are_refused_before_anything_starts(override: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read(None, [override])


def test_the_digits_take_no_keys_of_reading() -> None:
    with pytest.raises(InputError, match=r"data\.resize: the embedded digits are read as they are"):
        _ = Setup(read(None, ["data.resize=4"])).data
