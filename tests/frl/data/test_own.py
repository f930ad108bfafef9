"""A node's own folder: its columns are found by name and compared by type, in fixed words."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from frl import data
from frl.data import DataSpec, OwnDataError, Reading
from tests.frl.data.inputs import Frame, frame, grey, pixels, write_pictures, write_table

COLUMNS = "data.path: its columns are not those of the run"
VALUES = "data.path: it has values that the run does not take"
LABELS = "data.path: its labels are incomplete, or no classes"


@pytest.fixture(autouse=True)
def _cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FRL_CACHE", str(tmp_path_factory.mktemp("cache")))


def spec(folder: Path, reading: Reading | None = None, **options: object) -> DataSpec:
    """The data spec of a run on a table, as a client finds it in a message."""
    run = data.load(str(write_table(folder, **options)), "", reading)  # type: ignore[arg-type]
    return data.data_spec_from(data.data_spec_record(data.data_spec_of(run)))


def own_table(folder: Path, table: Frame, ending: str = "csv") -> str:
    folder.mkdir()
    if ending == "csv":
        table.to_csv(folder / "mine.csv", index=False)
    else:
        table.to_parquet(folder / "mine.parquet", index=False)
    return str(folder)


SAME: dict[str, Callable[[Frame], Frame]] = {
    "as it is": lambda t: t,
    "in another order": lambda t: t[["label", "v", "u"]],
    "with more columns": lambda t: t.assign(w=1.0, note="x", secret=2),
    "labels as fractions": lambda t: t.assign(label=t["label"].astype(float)),
}


@pytest.mark.parametrize("case", SAME)
@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_columns_are_found_by_name(tmp_path: Path, case: str, ending: str) -> None:
    mine = frame(12, 77)

    held = data.load_own(
        own_table(tmp_path / "own", SAME[case](mine), ending), spec(tmp_path / "run")
    )

    np.testing.assert_allclose(held.train.inputs, mine[["u", "v"]], rtol=1e-12)
    assert held.train.labels.tolist() == mine["label"].tolist()


MISFITS: dict[str, tuple[Callable[[Frame], Frame], str]] = {
    "renamed": (lambda t: t.rename(columns={"v": "secret"}), COLUMNS),
    "unrelated": (lambda t: t.rename(columns={"u": "age", "v": "height"}), COLUMNS),
    "text": (lambda t: t.assign(v="secret"), COLUMNS),
    "boolean": (lambda t: t.assign(v=t["label"] == 1), COLUMNS),
    "empty": (lambda t: t.assign(v=None), COLUMNS),
    "label renamed": (lambda t: t.rename(columns={"label": "target"}), COLUMNS),
    "nan": (lambda t: t.assign(v=t["v"].where(t.index != 3)), VALUES),
    "inf": (lambda t: t.assign(v=np.inf), VALUES),
    "overflow": (lambda t: t.assign(v=1e39), VALUES),
    "label hole": (lambda t: t.assign(label=t["label"].where(t.index != 3)), LABELS),
    "strange class": (
        lambda t: t.assign(label="secret"),
        "data.path: 1 of its labels are no classes of the run (3 classes)",
    ),
}


@pytest.mark.parametrize("case", MISFITS)
def test_what_does_not_fit_is_refused_in_fixed_words(
    tmp_path: Path, case: str, caplog: pytest.LogCaptureFixture
) -> None:
    change, words = MISFITS[case]

    with pytest.raises(OwnDataError) as caught:
        data.load_own(own_table(tmp_path / "own", change(frame(12, 7))), spec(tmp_path / "run"))

    assert str(caught.value) == words
    assert caplog.records, "the log of the node says more"


def test_holes_are_filled_with_the_means_of_the_run(tmp_path: Path) -> None:
    told = spec(tmp_path / "run", Reading(missing="mean"))
    mine = frame(12, 7)
    mine.loc[3, "v"] = np.nan

    held = data.load_own(own_table(tmp_path / "own", mine), told)

    assert held.train.inputs[3, 1] == told.mean[1]


def test_the_label_of_a_key_and_chosen_inputs(tmp_path: Path) -> None:
    def change(table: Frame, split: str) -> Frame:
        return table.assign(income=np.where(table["label"] > 0, "more", "less"), w=1.0)

    told = spec(tmp_path / "run", Reading(label="income", inputs="v"), change=change)
    mine = change(frame(12, 7), "")

    held = data.load_own(own_table(tmp_path / "own", mine.drop(columns=["u", "w"])), told)

    np.testing.assert_allclose(held.train.inputs, mine[["v"]], rtol=1e-12)
    assert held.train.labels.tolist() == (mine["income"] == "more").tolist()


@pytest.mark.parametrize("reading", [Reading(), Reading(convert="stretch"), Reading(resize="4x4")])
def test_deep_pictures_are_scaled_like_those_of_the_run(tmp_path: Path, reading: Reading) -> None:
    def deep(label: int, split: str, row: int) -> Image.Image:
        return Image.fromarray((pixels(label, row=row) * 100).astype(np.uint16))

    run = data.load(str(write_pictures(tmp_path / "run", deep)), "", reading)
    folder = tmp_path / "own" / "c1"
    folder.mkdir(parents=True)
    deep(1, "", 4).save(folder / "mine.png")

    held = data.load_own(str(tmp_path / "own"), data.data_spec_of(run))

    row = next(r for r, label in enumerate(run.train.labels) if label == 1) + 1
    np.testing.assert_array_equal(held.train.inputs[0], run.train.inputs[row])
    assert held.train.labels.tolist() == [1]


def test_pictures_for_a_table_and_a_table_for_pictures(tmp_path: Path) -> None:
    pictures = write_pictures(tmp_path / "pictures", grey)
    table = own_table(tmp_path / "table", frame(12))

    with pytest.raises(OwnDataError, match="its columns are not those of the run"):
        data.load_own(str(pictures), spec(tmp_path / "run"))
    with pytest.raises(OwnDataError, match="cannot be read as a data set"):
        data.load_own(table, data.data_spec_of(data.load(str(pictures))))


@pytest.mark.parametrize(
    "schema", ["{", "[]", "[1,2,3,4]", "[" * 100_000, '[[["u","number",["x"]]],"",{},0]']
)
def test_a_schema_that_cannot_be_understood(tmp_path: Path, schema: str) -> None:
    told = spec(tmp_path / "run")._replace(schema=schema)

    with pytest.raises(OwnDataError, match="data spec of the run cannot be understood"):
        data.load_own(own_table(tmp_path / "own", frame(12)), told)
