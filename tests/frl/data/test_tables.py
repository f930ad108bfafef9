"""Tables that people bring: read as a clean reader reads them, or refused in one line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets import Array2D, ClassLabel, Dataset, DatasetDict, Features, Value

from frl import data
from frl.data import Reading
from frl.errors import InputError
from tests.frl.data.inputs import ROWS, Frame, frame, write_table


@pytest.fixture(autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("FRL_CACHE", str(folder))
    return folder


def put(column: str, row: int, value: object, where: str = "train") -> Callable[..., Frame]:
    def change(table: Frame, split: str) -> Frame:
        if split == where:
            table[column] = table[column].astype(object)
            table.loc[row, column] = value
        return table

    return change


def add(**columns: Callable[[Frame], object]) -> Callable[..., Frame]:
    return lambda table, split: table.assign(**{n: make(table) for n, make in columns.items()})


def only_test(**columns: object) -> Callable[..., Frame]:
    return lambda table, split: table.assign(**columns) if split == "test" else table


REFUSED: dict[str, tuple[Callable[..., Frame], str]] = {
    "nan": (put("u", 3, np.nan), "column 'u' has no value in row 4 of train"),
    "nan in test": (put("v", 2, None, "test"), "column 'v' has no value in row 3 of test"),
    "inf": (put("u", 0, np.inf), "column 'u' has inf in row 1 of train"),
    "minus inf": (put("u", 5, -np.inf, "test"), "column 'u' has -inf in row 6 of test"),
    "1e39": (put("u", 7, 1e39), r"column 'u' has 1e\+39 in row 8 of train"),
    "1e308": (put("u", 7, 1e308), r"column 'u' has 1e\+308 in row 8 of train"),
    "? in test": (put("u", 4, "?", "test"), "'u' is number in train .*'[?]' in row 5 of test is"),
    "hole in label": (put("label", 5, None), "column 'label' has no value in row 6 of train"),
    "hole in test label": (
        put("label", 5, None, "test"),
        "column 'label' has no value in row 6 of test",
    ),
    "missing in test": (
        lambda t, s: t if s == "train" else t.drop(columns="v"),
        "column 'v' of train is missing in test",
    ),
    "empty in test": (only_test(v=None), "column 'v' holds nothing in test"),
    "boolean in test": (
        lambda t, s: t.assign(flag=True if s == "test" else np.arange(len(t)) % 2),
        "column 'flag' is number in train and boolean in test",
    ),
    "no rows in test": (lambda t, s: t if s == "train" else t[:0], "split 'test' has no rows"),
    "label of fractions": (
        lambda t, s: t.assign(label=t["u"]),
        "label column 'label' has 30 different values in 30 rows",
    ),
    "class of test only": (put("label", 0, 7, "test"), "label 7 of column 'label', row 1 of test"),
    "offset beyond float64": (
        add(u=lambda t: 2**62 + np.arange(len(t)) % 3),
        "'u' of train has whole numbers that differ, but all are .* in float64",
    ),
    "test beyond float32": (
        lambda t, s: t.assign(u=1e-30 * t["u"] if s == "train" else 1e30),
        "column 'u' has 1e[+]30 in row 1 of test, too far from the training examples",
    ),
    "no numbers": (
        lambda t, s: pd.DataFrame({"a": "x", "label": t["label"]}),
        r"no picture and no numeric column among the columns: 'a' \(text\)",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_right_is_refused(tmp_path: Path, case: str) -> None:
    change, message = REFUSED[case]
    with pytest.raises(InputError, match=message) as caught:
        data.load(str(write_table(tmp_path / "table", change)))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("missing", ["mean", "drop"])
def test_missing_values_as_a_key_says(tmp_path: Path, missing: str) -> None:
    def change(table: Frame, split: str) -> Frame:
        table.loc[[3, 5], "u"] = np.nan
        return table

    found = data.load(str(write_table(tmp_path / "t", change)), "", Reading(missing=missing))

    clean = {split: change(frame(rows, len(split)), split) for split, rows in ROWS.items()}
    for split, held in (("train", found.train), ("test", found.test)):
        expected = clean[split][["u", "v"]]
        if missing == "drop":
            expected = expected.dropna()
        else:
            expected = expected.fillna(clean["train"][["u", "v"]].mean())
        np.testing.assert_allclose(held.inputs, expected, rtol=1e-12)
    assert len(found.schema.notes) == 2
    assert "2, the first is" in found.schema.notes[0]
    assert "row 4 of train" in found.schema.notes[0]


@pytest.mark.parametrize("ending", ["csv", "parquet", "jsonl"])
def test_every_type_of_file_gives_the_same_columns(tmp_path: Path, ending: str) -> None:
    def change(table: Frame, split: str) -> Frame:
        return table.assign(
            flag=table["label"] == 1, owner=[f"h{n % 4}" for n in range(len(table))]
        )

    found = data.load(str(write_table(tmp_path / "t", change, ending)), "", Reading(group="owner"))

    assert [(c.name, c.kind, c.use) for c in found.schema.columns] == [
        ("u", "number", "input"),
        ("v", "number", "input"),
        ("label", "number", "label"),
        ("flag", "boolean", "input"),
        ("owner", "text", "left out"),
    ]
    expected = change(frame(30, 5), "train")[["u", "v", "flag"]].to_numpy(float)
    np.testing.assert_allclose(found.train.inputs, expected, rtol=1e-12)
    owners = data.partition(found, "natural", clients=4, seed=0, column="owner")
    assert [owners.of(c).tolist() for c in range(4)] == [list(range(c, 30, 4)) for c in range(4)]


def test_lists_of_one_length_are_inputs(tmp_path: Path) -> None:
    """The shape of LEAF: ``x`` a list, ``y`` the label, ``user`` the owner."""
    values = np.arange(120.0).reshape(30, 4) ** 1.5

    def change(table: Frame, split: str) -> Frame:
        x = [row.tolist() for row in values[: len(table)]]
        return pd.DataFrame({"x": x, "y": table["label"], "user": table.index % 5})

    folder = str(write_table(tmp_path / "leaf", change, "jsonl"))
    found = data.load(folder, "", Reading(group="user"))

    np.testing.assert_array_equal(found.train.inputs, values)
    assert found.schema.inputs[0].shape == (4,)
    assert set(found.columns) == {"user"}
    both = data.load(folder)
    assert both.train.inputs.shape == (30, 5)
    assert "input 'user' looks like an id" in both.schema.lines()[1]


def test_a_missing_list_is_a_missing_value(tmp_path: Path) -> None:
    def change(table: Frame, split: str) -> Frame:
        lists = [[1.0, float(row)] for row in range(len(table))]
        return table.assign(x=[None if row == 2 else x for row, x in enumerate(lists)])

    folder = str(write_table(tmp_path / "t", change, "jsonl"))

    with pytest.raises(InputError, match=r"column 'x\[0\]' has no value in row 3 of train"):
        data.load(folder)
    assert data.load(folder, "", Reading(missing="drop")).train.inputs.shape == (29, 4)


def test_lists_of_several_lengths_are_left_out_and_said(tmp_path: Path) -> None:
    def change(table: Frame, split: str) -> Frame:
        return table.assign(x=[[1.0] * (1 + row % 2) for row in range(len(table))])

    found = data.load(str(write_table(tmp_path / "t", change, "jsonl")))

    assert found.train.inputs.shape == (30, 2)
    assert "left out: 'x' (lists of different lengths" in found.schema.lines()[1]


def test_arrays_of_numbers_are_inputs(tmp_path: Path) -> None:
    features = Features({"m": Array2D((2, 3), "uint8"), "label": Value("int64")})
    values = np.arange(180, dtype=np.uint8).reshape(30, 2, 3)
    (tmp_path / "t").mkdir()
    for split, rows in ROWS.items():
        columns = {"m": values[:rows].tolist(), "label": [n % 3 for n in range(rows)]}
        Dataset.from_dict(columns, features).to_parquet(str(tmp_path / "t" / f"{split}.parquet"))

    found = data.load(str(tmp_path / "t"))

    np.testing.assert_array_equal(found.train.inputs, values.reshape(30, 6))


def test_what_nobody_uses_may_have_holes(tmp_path: Path) -> None:
    def change(table: Frame, split: str) -> Frame:
        return table.assign(site=pd.array([None] + [4] * (len(table) - 1), "Int64"), note=None)

    found = data.load(str(write_table(tmp_path / "t", change, "parquet")))

    assert found.train.inputs.shape == (30, 2)
    assert "left out: 'site' (one value and 1 without)" in found.schema.lines()[1]


def test_text_among_numbers_is_said_with_how_many(tmp_path: Path) -> None:
    found = data.load(str(write_table(tmp_path / "t", put("u", 3, "?"))))

    assert found.train.inputs.shape == (30, 1)
    assert "29 of 30 values are numbers, '?' in row 4 of train is not" in found.schema.lines()[1]


def test_big_offsets_are_standardised_in_float64(tmp_path: Path) -> None:
    """Epoch milliseconds: float32 steps there are 131 s wide, the class is in the seconds."""

    def change(table: Frame, split: str) -> Frame:
        return table.assign(ms=1_764_000_000_000 + 10_000 * table["label"])[["ms", "label"]]

    found = data.load(str(write_table(tmp_path / "t", change)))
    inputs, labels = found.tensors(found.train)

    expected = (np.arange(30) % 3 - 1) / np.std([0, 1, 2])
    np.testing.assert_allclose(inputs[:, 0].numpy(), expected, rtol=1e-6)
    assert labels.tolist() == [n % 3 for n in range(30)]


def test_a_constant_column_is_zero_and_said(tmp_path: Path) -> None:
    """The mean of 30 times 0.1 is not 0.1, whose noise would be divided by itself."""
    change = lambda t, s: t.assign(c=0.1 if s == "train" else 0.3)  # noqa: E731
    found = data.load(str(write_table(tmp_path / "t", change)))

    assert not found.tensors(found.train)[0][:, 2].any()
    np.testing.assert_allclose(found.tensors(found.test)[0][:, 2].numpy(), 0.2, rtol=1e-6)
    assert "inputs that never change in train: 1, 'c'" in found.schema.lines()[1]


def test_tiny_and_huge_columns_keep_their_variance(tmp_path: Path) -> None:
    change = lambda t, s: t.assign(u=t["u"] * 1e-200, v=t["v"] * 1e30)  # noqa: E731
    found = data.load(str(write_table(tmp_path / "t", change)))

    inputs = found.tensors(found.train)[0].numpy()
    np.testing.assert_allclose(inputs.std(axis=0), 1, rtol=1e-5)


@pytest.mark.parametrize("name", ["blood A/B", "../../evil", "n" * 250, "Größe αβ 体", "a\nb", "."])
def test_names_of_columns_are_no_names_of_files(tmp_path: Path, name: str) -> None:
    change = add(**{name: lambda t: [f"o{n % 2}" for n in range(len(t))]})
    folder = str(write_table(tmp_path / "t", change, "parquet"))

    found = data.load(folder, "", Reading(group=name))

    again = data.load(folder, "", Reading(group=name))
    assert (
        again.columns[name].tolist() == [n % 2 for n in range(30)] == found.columns[name].tolist()
    )
    assert all("\n" not in line for line in found.schema.lines())


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("owner", "column 'owner' has no value in row 1 of train [(]and 14 more"),
        ("ownr", "mean 'own"),
    ],
)
def test_a_column_of_owners_without_holes(tmp_path: Path, value: str, message: str) -> None:
    change = add(owner=lambda t: [None if n % 2 == 0 else "a" for n in range(len(t))])
    folder = str(write_table(tmp_path / "t", change))

    assert "owner" not in data.load(folder).columns
    with pytest.raises(InputError, match=message):
        data.load(folder, "", Reading(group=value))


@pytest.mark.parametrize(
    "owners",
    [
        [10, 2, 33],
        ["10", "2", "b"],
        [1.5, 0.5, 2.0],
        [True, False, True],
        pd.date_range("2026", periods=3),
    ],
)
def test_owners_of_any_type(tmp_path: Path, owners: Any) -> None:
    change = add(owner=lambda t: [owners[n % 3] for n in range(len(t))])
    folder = str(write_table(tmp_path / "t", change, "parquet"))

    found = data.load(folder, "", Reading(group="owner"))

    assert found.train.inputs.shape == (30, 2)
    expected = pd.Series([owners[n % 3] for n in range(30)]).rank(method="dense") - 1
    np.testing.assert_array_equal(found.columns["owner"], expected)


def test_what_can_be_read_without_owners_is_decoded_once(tmp_path: Path, cache: Path) -> None:
    change = add(owner=lambda t: [f"o{n % 2}" for n in range(len(t))])
    folder = str(write_table(tmp_path / "t", change))

    before = data.load(folder)
    assert data.load(folder, "", Reading(group="owner")).fingerprint == before.fingerprint
    assert len(list(cache.iterdir())) == 1


def test_an_index_that_pandas_wrote_is_no_feature(tmp_path: Path) -> None:
    found = data.load(str(write_table(tmp_path / "t", index=True)))

    assert found.schema.features == ("u", "v")
    assert "'Unnamed: 0' (a number of rows without a name)" in found.schema.lines()[1]


def test_columns_are_found_by_name_and_extra_ones_are_said(tmp_path: Path) -> None:
    def change(table: Frame, split: str) -> Frame:
        return table if split == "train" else table.assign(w=1.0)[["label", "w", "v", "u"]]

    found = data.load(str(write_table(tmp_path / "t", change)))

    np.testing.assert_allclose(found.test.inputs, frame(9, 4)[["u", "v"]], rtol=1e-12)
    assert "column 'w' is in test only" in found.schema.lines()[1]


def test_classes_are_matched_by_name(tmp_path: Path) -> None:
    (tmp_path / "t").mkdir()
    for split, names in (("train", ["p", "q", "r"]), ("test", ["r", "q", "p"])):
        features = Features({"u": Value("float32"), "label": ClassLabel(names=names)})
        columns = {"u": [0.0, 1.0, 2.0], "label": [names.index(name) for name in "pqr"]}
        Dataset.from_dict(columns, features).to_parquet(str(tmp_path / "t" / f"{split}.parquet"))

    found = data.load(str(tmp_path / "t"))

    assert found.labels == ("p", "q", "r")
    assert found.train.labels.tolist() == found.test.labels.tolist() == [0, 1, 2]


def bad_files(folder: Path) -> dict[str, str]:
    """Write folders that cannot be read; return the reason that is due for each."""
    good = frame(9).to_csv(index=False)
    lines = good.splitlines()
    texts: dict[str, tuple[str | bytes, str]] = {
        "ragged": (
            "\n".join([*lines[:5], lines[5] + ",9,9", *lines[6:]]),
            "Expected 3 fields in line 6",
        ),
        "latin1": ("u,label\n1,é\n".encode("latin-1"), "'utf-8' codec can't decode byte 0xe9"),
        "too wide": ("u,label\n1,2,0\n3,4,1\n", "more values than its first line has names"),
        "twice": ("u,u,label\n1,2,0\n3,4,1\n", "has two columns 'u'"),
        "semicolon": ("u;label\n1;0\n2;1\n", "CSV file have commas between them"),
        "no header": ("1.5,0\n2.5,1\n", "first line of a table names its columns"),
        "nothing": ("", "No columns to parse from file"),
    }
    for name, (text, _) in texts.items():
        (folder / name).mkdir()
        (folder / name / "test.csv").write_text(good)
        content = text if isinstance(text, bytes) else text.encode()
        (folder / name / "train.csv").write_bytes(content)
    return {name: reason for name, (_, reason) in texts.items()}


def test_the_reason_why_a_file_cannot_be_read(tmp_path: Path) -> None:
    for name, reason in bad_files(tmp_path).items():
        with pytest.raises(InputError, match=reason) as caught:
            data.load(str(tmp_path / name))
        assert "\n" not in str(caught.value)
        assert name in ("semicolon", "no header") or str(tmp_path / name / "train.csv") in str(
            caught.value
        )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"u": 1, "label": 0}\n{"u": "x", "label": 1}\n', "column 'u' .* mixes int .* and str"),
        ('{"u": 1, "label": 0}\n{"u": 2, "label"\n', "line 2 of .*is no JSON"),
        (
            '{"u": 1, "label": 0}\n{"label": 1}\n',
            "column 'u' (has no value in row 2|holds)|one value",
        ),
        ("[1, 2]", "record 1 of .* is no object"),
    ],
)
def test_json_that_is_no_table(tmp_path: Path, text: str, message: str) -> None:
    for split in ROWS:
        (tmp_path / f"{split}.jsonl").write_text(text)
    with pytest.raises(InputError, match=message):
        data.load(str(tmp_path))


def test_files_of_one_split_have_the_same_columns(tmp_path: Path) -> None:
    for split, rows in ROWS.items():
        (tmp_path / split).mkdir()
        frame(rows, 1).to_csv(tmp_path / split / "a.csv", index=False)
    frame(4, 2).drop(columns="v").to_csv(tmp_path / "train" / "b.csv", index=False)

    with pytest.raises(InputError, match=r"a\.csv and .*b\.csv differ in columns: .* 'v'"):
        data.load(str(tmp_path))
    frame(4, 2).assign(v="x").to_csv(tmp_path / "train" / "b.csv", index=False)
    with pytest.raises(InputError, match=r"column 'v' is double in .*a\.csv and .*string in"):
        data.load(str(tmp_path))
    frame(4, 2)[["v", "label", "u"]].to_csv(tmp_path / "train" / "b.csv", index=False)
    expected = pd.concat([frame(30, 1), frame(4, 2)])[["u", "v"]]
    np.testing.assert_allclose(data.load(str(tmp_path)).train.inputs, expected, rtol=1e-12)


def test_saved_by_datasets_and_behind_links(tmp_path: Path) -> None:
    plain = data.load(str(write_table(tmp_path / "plain")))
    DatasetDict(
        {s: Dataset.from_pandas(frame(n, len(s)), preserve_index=False) for s, n in ROWS.items()}
    ).save_to_disk(str(tmp_path / "saved"))
    (tmp_path / "links").mkdir()
    for split in ROWS:
        (tmp_path / "real" / split).mkdir(parents=True)
        frame(ROWS[split], len(split)).to_csv(tmp_path / "real" / split / "part.csv", index=False)
        (tmp_path / "links" / split).symlink_to(tmp_path / "real" / split)

    assert data.load(str(tmp_path / "saved")).fingerprint == plain.fingerprint
    linked = data.load(str(tmp_path / "links"))
    assert linked.fingerprint == plain.fingerprint
    frame(31).to_csv(tmp_path / "real" / "train" / "part.csv", index=False)
    assert len(data.load(str(tmp_path / "links")).train.labels) == 31


def test_labels_by_key(tmp_path: Path) -> None:
    def change(table: Frame, split: str) -> Frame:
        return table.assign(income=np.where(table["label"] > 0, ">50K", "<=50K"))

    folder = str(write_table(tmp_path / "t", change))

    found = data.load(folder, "", Reading(label="income"))
    assert found.labels == ("<=50K", ">50K")
    assert "input 'label' is called like a label" in found.schema.lines()[1]
    chosen = data.load(folder, "", Reading(label="income", inputs="v,u"))
    np.testing.assert_allclose(chosen.train.inputs, frame(30, 5)[["v", "u"]], rtol=1e-12)
    with pytest.raises(InputError, match=r"data.label: column 'incom'; did you mean 'income'"):
        data.load(folder, "", Reading(label="incom"))
    with pytest.raises(InputError, match=r"data.inputs: column 'w'"):
        data.load(folder, "", Reading(inputs="u,w"))


def test_splits_by_key(tmp_path: Path) -> None:
    for split, rows in (("train", 40), ("validation", 12), ("test", 9)):
        table = frame(rows, rows)
        table["label"] = -1 if split == "test" else table["label"]
        table.to_csv(tmp_path / f"{split}.csv", index=False)

    with pytest.raises(InputError, match=r"label -1 .* data.test names the split to test on"):
        data.load(str(tmp_path))
    for reading in (Reading(test="validation"), Reading(validation="validation")):
        found = data.load(str(tmp_path), "", reading)
        np.testing.assert_allclose(found.test.inputs, frame(12, 12)[["u", "v"]], rtol=1e-12)
        assert "split test is not used" in found.schema.notes
    held = data.load(str(tmp_path), "", Reading(validation="0.25"))
    parts = np.concatenate([held.train.inputs, held.test.inputs])
    assert (len(held.train.inputs), len(held.test.inputs)) == (30, 10)
    assert {tuple(row) for row in parts} == {
        tuple(row) for row in frame(40, 40)[["u", "v"]].to_numpy()
    }
    with pytest.raises(InputError, match=r"unknown data.test: split 'tst'; did you mean 'test'"):
        data.load(str(tmp_path), "", Reading(test="tst"))
    (tmp_path / "test.csv").unlink()
    (tmp_path / "validation.csv").unlink()
    with pytest.raises(InputError, match=r"found train; data.test = 0.2 holds out a fifth"):
        data.load(str(tmp_path))
    assert len(data.load(str(tmp_path), "", Reading(test="0.2")).test.labels) == 8


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"missing": "men"}, "unknown data.missing 'men'; did you mean 'mean'"),
        ({"convert": "l"}, "unknown data.convert 'l'"),
        ({"resize": "8x"}, "data.resize: got '8x'; takes HEIGHTxWIDTH"),
        ({"resize": "0x8"}, "data.resize: got '0x8'"),
        ({"test": "1.5"}, "data.test: got 1.5; takes"),
        ({"validation": "nan"}, "data.validation: got nan; takes"),
        ({"inputs": "a,a"}, "data.inputs: got 'a,a'; takes different columns"),
        ({"inputs": "a", "label": "a"}, "data.inputs: column 'a' is the label"),
    ],
)
def test_keys_that_mean_nothing(keys: dict[str, str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Reading(**keys)


def test_a_file_in_place_of_a_folder_and_a_folder_named_like_the_digits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    folder = write_table(tmp_path / "digits")
    monkeypatch.chdir(tmp_path)

    for name, path in ((str(folder / "train.csv"), ""), ("digits", str(folder / "train.csv"))):
        with pytest.raises(InputError, match=r"train.csv' is a file; takes the folder that holds"):
            data.load(name, path)
    assert data.load("digits").shape.example == (1, 8, 8)
    assert "data.path reads the folder" in caplog.text
    assert data.load("digits", "digits").shape.example == (2,)
    with pytest.raises(InputError, match=r"data.resize: the embedded digits are read as they are"):
        data.load("digits", "", Reading(resize="4x4"))


def test_big_tables_keep_one_type_a_column(tmp_path: Path) -> None:
    """Libraries that read in pieces take a type from the first: here fractions come late."""
    rows = 12_000
    for split in ROWS:
        table = pd.DataFrame({"u": np.arange(rows), "label": np.arange(rows) % 2}).astype(
            {"u": object}
        )
        table.loc[rows - 1, "u"] = 0.5
        table.to_csv(tmp_path / f"{split}.csv", index=False)

    assert data.load(str(tmp_path)).train.inputs[-1, 0] == 0.5


def test_decimals_dictionaries_and_times(tmp_path: Path) -> None:
    for split, rows in ROWS.items():
        plain = pa.array([n / 4 for n in range(rows)])
        table = pa.table(
            {
                "money": plain.cast(pa.decimal128(10, 2)),
                "half": plain.cast(pa.float16()),
                "coded": pa.array([n % 4 for n in range(rows)]).dictionary_encode(),
                "when": pa.array(pd.date_range("2026-01-01", periods=rows)),
                "label": pa.array(["ab"[n % 2] for n in range(rows)]).dictionary_encode(),
            }
        )
        pq.write_table(table, tmp_path / f"{split}.parquet")

    found = data.load(str(tmp_path))

    assert found.schema.features == ("money", "half", "coded")
    assert found.labels == ("a", "b")
    numbers = np.arange(30)
    np.testing.assert_array_equal(
        found.train.inputs, np.stack([numbers / 4, numbers / 4, numbers % 4], axis=1)
    )


@pytest.mark.parametrize(
    ("split", "labels", "said"),
    [
        ("test", [0, 1], "no test example has the class '2'"),
        ("train", [0, 1, 3], "no test example has the class '3'"),
    ],
)
def test_a_class_that_a_split_lacks_is_said(
    tmp_path: Path, split: str, labels: list[int], said: str
) -> None:
    def change(table: Frame, name: str) -> Frame:
        kept = np.resize(labels if name == split else [0, 1], len(table))
        return table.assign(label=kept if split == "train" or name == split else table.label)

    assert said in data.load(str(write_table(tmp_path / "t", change))).schema.notes


def test_a_table_that_is_in_no_split_is_said(tmp_path: Path) -> None:
    folder = write_table(tmp_path / "t")
    (folder / "more.csv").write_text("u,v,label\n1,2,0\n")

    assert data.load(str(folder)).schema.notes == ("files that are not read: 1, 'more.csv'",)
