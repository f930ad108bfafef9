"""Splits of different formats are one data set; several formats in one split are refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from frl import data
from frl.errors import InputError
from tests.frl.data.inputs import ROWS, frame, write_table


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FRL_CACHE", str(tmp_path / "cache"))


def write(path: Path, split: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    table = frame(ROWS[split], len(split))
    if path.suffix == ".parquet":
        table.to_parquet(path, index=False)
    elif path.suffix == ".jsonl":
        path.write_text(table.to_json(orient="records", lines=True, double_precision=15))
    else:
        table.to_csv(path, index=False, sep="\t" if ".tsv" in path.name else ",")


@pytest.mark.parametrize(
    ("train", "test"),
    [
        ("train.csv", "test.parquet"),
        ("train.parquet", "test.csv"),
        ("train.tsv", "test.csv"),
        ("train/a.csv.gz", "test/b.tsv"),
        ("train.parquet", "test.tsv"),
    ],
)
def test_splits_of_two_formats_are_read_each_in_its_own(
    tmp_path: Path, train: str, test: str
) -> None:
    plain = data.load(str(write_table(tmp_path / "plain")))
    write(tmp_path / "mixed" / train, "train")
    write(tmp_path / "mixed" / test, "test")
    (tmp_path / "mixed" / "notes.md").write_text("junk")
    (tmp_path / "mixed" / "README.md").write_text("# a table\n")

    found = data.load(str(tmp_path / "mixed"))

    assert found.fingerprint == plain.fingerprint
    assert replace(found.schema, notes=()) == plain.schema
    assert found.schema.notes == ("files that are not read: 1, 'notes.md'",)


def test_other_columns_in_the_other_format_are_refused(tmp_path: Path) -> None:
    write(tmp_path / "train.csv", "train")
    frame(9).assign(v="x").to_parquet(tmp_path / "test.parquet", index=False)

    with pytest.raises(InputError, match="column 'v' is number in train and text in test"):
        data.load(str(tmp_path))


@pytest.mark.parametrize("more", ["train.parquet", "train.tsv", "train.jsonl"])
def test_a_split_in_two_formats_is_refused(tmp_path: Path, more: str) -> None:
    for name, split in (("train.csv", "train"), (more, "train"), ("test.csv", "test")):
        write(tmp_path / name, split)

    with pytest.raises(InputError, match=r"split 'train' of .*'train\.csv'") as caught:
        data.load(str(tmp_path))

    assert repr(more) in str(caught.value)
    assert "takes one format in a split" in str(caught.value)
