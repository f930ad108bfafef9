"""Columns of text as inputs: as pandas and scikit-learn encode them, here and at a node."""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from datasets import ClassLabel, Dataset, DatasetDict, Features

from frl import data
from frl.data import OwnDataError, Reading
from frl.data.reading.categories import MOST
from frl.data.schema import schema_from
from frl.errors import InputError
from tests.frl.data.inputs import Frame, frame, write_table

ONE_HOT = Reading(categories="one_hot")
COLOURS = ["red", "blue", "Größe, x", "red"]


@pytest.fixture(autouse=True)
def _cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FRL_CACHE", str(tmp_path_factory.mktemp("cache")))


def coloured(table: Frame, split: str) -> Frame:
    """Put a column of text between the numbers."""
    colours = [COLOURS[row % 4] for row in range(len(table))]
    return table.assign(colour=colours)[["u", "colour", "v", "label"]]


def dummies(table: Frame) -> Any:
    """What pandas makes of it, in the order of the columns of the file."""
    return pd.concat([table["u"], pd.get_dummies(table["colour"]), table["v"]], axis=1).to_numpy(
        float
    )


@pytest.mark.parametrize("ending", ["csv", "parquet", "jsonl"])
def test_as_pandas_encodes_them(tmp_path: Path, ending: str) -> None:
    found = data.load(str(write_table(tmp_path / "t", coloured, ending)), "", ONE_HOT)

    for split, held in (("train", found.train), ("test", found.test)):
        expected = dummies(coloured(frame(len(held.labels), len(split)), split))
        np.testing.assert_allclose(held.inputs, expected, rtol=1e-12)
    assert found.schema.features == ("u", *(f"colour={c}" for c in sorted(set(COLOURS))), "v")
    assert (found.mean[1:4], found.std[1:4]) == ((0, 0, 0), (1, 1, 1)), "not standardised"
    assert found.mean[0] == pytest.approx(float(np.mean(found.train.inputs[:, 0])))
    assert "'colour' (text, 3 categories)" in found.schema.lines()[0]
    assert schema_from(json.loads(json.dumps(found.schema.record()))) == found.schema


def test_without_the_key_text_is_left_out_and_the_fingerprint_is_as_ever(tmp_path: Path) -> None:
    with_text = data.load(str(write_table(tmp_path / "a", coloured)))
    numbers = lambda table, split: coloured(table, split).drop(columns="colour")  # noqa: E731

    assert with_text.shape.example == (2,)
    assert with_text.schema.lines()[1] == "data: left out: 'colour' (text)"
    found = data.load(str(write_table(tmp_path / "b", numbers)), "", ONE_HOT)
    assert found.fingerprint == data.load(str(tmp_path / "b")).fingerprint


def test_numbers_that_look_like_indicators_are_other_data(tmp_path: Path) -> None:
    def encoded(table: Frame, split: str) -> Frame:
        return pd.DataFrame(dummies(coloured(table, split)), columns=list("uabcv")).assign(
            label=table["label"]
        )

    text = data.load(str(write_table(tmp_path / "text", coloured)), "", ONE_HOT)
    numbers = data.load(str(write_table(tmp_path / "numbers", encoded)), "", ONE_HOT)

    np.testing.assert_array_equal(text.train.inputs, numbers.train.inputs)
    assert text.mean != numbers.mean
    assert text.fingerprint != numbers.fingerprint


def test_a_value_that_train_lacks_is_said_once_and_has_no_feature(tmp_path: Path) -> None:
    def change(table: Frame, split: str) -> Frame:
        table = coloured(table, split)
        return (
            table.assign(colour=table["colour"].replace("red", "green"))
            if split == "test"
            else (table)
        )

    found = data.load(str(write_table(tmp_path / "t", change)), "", ONE_HOT)

    green = [row for row in range(9) if COLOURS[row % 4] == "red"]
    assert np.flatnonzero(found.test.inputs[:, 1:4].sum(axis=1) == 0).tolist() == green
    said = [line for line in found.schema.lines() if "lacks" in line]
    assert len(said) == 1
    assert (
        f"values of 'colour' in test that train lacks, 0 in all its features: {len(green)}, the "
        "first is 'green' in row 1 of test"
    ) in said[0]


@pytest.mark.parametrize("missing", ["refuse", "mean", "drop"])
def test_a_missing_value(tmp_path: Path, missing: str) -> None:
    def change(table: Frame, split: str) -> Frame:
        table = coloured(table, split)
        return table.assign(colour=table["colour"].where(table.index != 3))

    folder = str(write_table(tmp_path / "t", change))
    reading = Reading(categories="one_hot", missing=missing)
    if missing == "refuse":
        with pytest.raises(
            InputError, match=r"^data: column 'colour' has no value in row 4 of tr.*"
        ):
            data.load(folder, "", reading)
        return
    found = data.load(folder, "", reading)
    whole = dummies(change(frame(30, len("train")), "train"))
    if missing == "drop":
        whole = np.delete(whole, 3, axis=0)
    np.testing.assert_allclose(found.train.inputs, whole, rtol=1e-12)
    how = {"mean": "filled with means of train, categories with 0: 1,", "drop": "left out for"}
    assert how[missing] in " ".join(found.schema.lines())


def test_more_categories_than_a_column_may_have(tmp_path: Path) -> None:
    def names(count: int) -> Any:
        def change(table: Frame, split: str) -> Frame:
            whole = pd.concat([table] * 10, ignore_index=True)
            return whole.assign(name=[f"n{row % count}" for row in range(len(whole))])

        return change

    assert data.load(
        str(write_table(tmp_path / "most", names(MOST))), "", ONE_HOT
    ).shape.example == (2 + MOST,)
    with pytest.raises(InputError, match=r"column 'name' has 257 different values in train, such"):
        data.load(str(write_table(tmp_path / "more", names(MOST + 1))), "", ONE_HOT)


def test_chosen_inputs_owners_and_labels_of_text(tmp_path: Path) -> None:
    def change(table: Frame, split: str) -> Frame:
        return coloured(table, split).assign(
            label=table["label"].map(str).radd("c"), owner=[f"o{row % 3}" for row in table.index]
        )

    folder = str(write_table(tmp_path / "t", change))

    chosen = data.load(folder, "", Reading(categories="one_hot", inputs="colour,u"))
    assert chosen.schema.features[-1] == "u"
    assert chosen.shape.example == (4,)
    owned = data.load(folder, "", Reading(categories="one_hot", group="owner"))
    assert [column.name for column in owned.schema.inputs] == ["u", "colour", "v"]
    assert len(data.partition(owned, "natural", clients=3, seed=0, column="owner").of(0)) == 10
    with pytest.raises(InputError, match=r'takes numbers or pictures, or data.categories = "one_'):
        data.load(folder, "", Reading(inputs="colour"))


def test_a_table_of_text_alone_says_which_key_takes_it(tmp_path: Path) -> None:
    only = lambda table, split: coloured(table, split)[["colour", "label"]]  # noqa: E731
    folder = str(write_table(tmp_path / "t", only))

    with pytest.raises(
        InputError, match=r'no numeric column .*; data.categories = "one_hot" takes'
    ):
        data.load(folder)
    assert data.load(folder, "", ONE_HOT).shape.example == (3,)


def test_a_column_of_classes_has_a_feature_for_each_of_them(tmp_path: Path) -> None:
    features = Features(
        {"kind": ClassLabel(names=["z", "a", "unused"]), "label": ClassLabel(names=["n", "y"])}
    )
    rows = {"kind": [0, 1, 0, 1], "label": [0, 1, 1, 0]}
    table = Dataset.from_dict(rows, features=features)
    DatasetDict({"train": table, "test": table}).save_to_disk(str(tmp_path / "t"))

    found = data.load(str(tmp_path / "t"), "", Reading(categories="one_hot", label="label"))

    assert found.schema.features == ("kind=z", "kind=a", "kind=unused")
    assert found.train.inputs.tolist() == [[1, 0, 0], [0, 1, 0]] * 2


def own(tmp_path: Path, table: Frame, missing: str = "refuse") -> data.DataSet:
    """Read a node's own table as one of a run on colours."""
    run = data.load(
        str(write_table(tmp_path / "run", coloured)),
        "",
        Reading(categories="one_hot", missing=missing),
    )
    spec = data.data_spec_from(data.data_spec_record(data.data_spec_of(run)))
    (tmp_path / "own").mkdir()
    table.to_csv(tmp_path / "own" / "mine.csv", index=False)
    return data.load_own(str(tmp_path / "own"), spec)


def test_a_node_has_the_features_of_the_run(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "flwr")
    mine = coloured(frame(12, 77), "own").assign(colour=["blue", "green", None, "red"] * 3)

    held = own(tmp_path, mine[["label", "colour", "v", "u"]], missing="mean")

    expected = pd.get_dummies(mine["colour"]).reindex(columns=sorted(set(COLOURS)), fill_value=0)
    np.testing.assert_array_equal(held.train.inputs[:, 1:4], expected.to_numpy(float))
    np.testing.assert_allclose(held.train.inputs[:, [0, 4]], mine[["u", "v"]], rtol=1e-12)
    said = [line for line in caplog.messages if "that train lacks" in line]
    assert len(said) == 1
    assert ": 3, the first is 'green' in row 2" in said[0]


def test_a_node_with_numbers_for_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OwnDataError, match="its columns are not those of the run"):
        own(tmp_path, coloured(frame(12, 77), "own").assign(colour=range(12)))


def test_a_run_of_too_many_categories_is_not_believed(tmp_path: Path) -> None:
    many = json.dumps([["a", "text", [], [str(n) for n in range(MOST + 1)]]])
    spec = data.DataSpec((MOST + 1,), ("0", "1"), (0.0,), (1.0,), "none", f'[{many},"y",{{}},null]')
    coloured(frame(12), "own").to_csv(tmp_path / "mine.csv", index=False)

    with pytest.raises(OwnDataError, match="cannot be understood"):
        data.load_own(str(tmp_path), spec)


ADULT = Path(os.environ.get("FRL_DATA_ROOT", "")) / "adult"


@pytest.mark.skipif(not ADULT.is_dir(), reason="FRL_DATA_ROOT has no adult")
def test_adult_on_all_its_columns_is_as_scikit_learn_encodes_it() -> None:
    from sklearn.preprocessing import OneHotEncoder

    reading = Reading(label="income", categories="one_hot", missing="mean")

    found = data.load(str(ADULT), "", reading)

    tables = {
        split: pd.read_parquet(next((ADULT / "data").glob(f"{split}*")))
        for split in ("train", "test")
    }
    used = list(tables["train"].columns.drop("income"))
    assert [column.name for column in found.schema.inputs] == used
    text = [column.name for column in found.schema.inputs if column.categories]
    assert len(text) == 8
    kept = [sorted(tables["train"][name].dropna().unique()) for name in text]
    encoder = OneHotEncoder(categories=kept, handle_unknown="ignore", sparse_output=False)
    encoder.fit(tables["train"][text].dropna())
    for split, held in (("train", found.train), ("test", found.test)):
        np.testing.assert_array_equal(
            held.inputs[:, list(found.schema.indicators)], encoder.transform(tables[split][text])
        )
