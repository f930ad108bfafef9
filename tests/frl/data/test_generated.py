"""Generated data sets: equal to what a clean reader reads, or refused in one line; no traceback.

``FRL_DATA_EXAMPLES`` sets how many of each kind are tried; ``make soak`` tries for about an hour.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from PIL import Image, ImageOps

from frl import data
from frl.data import DataSet, Reading
from frl.errors import InputError
from tests.frl.data.generated import (
    GeneratedPictures,
    GeneratedTable,
    clean,
    pictures,
    tables,
    write,
    write_pictures,
)

MANY = int(os.environ.get("FRL_DATA_EXAMPLES", "100"))
HOUR = int(os.environ.get("FRL_DATA_EXAMPLES", "30000"))
SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
few = settings(max_examples=MANY, deadline=None, suppress_health_check=SLOW)
many = settings(max_examples=HOUR, deadline=None, suppress_health_check=SLOW)


@pytest.fixture(autouse=True)
def _cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FRL_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.setattr("frl.data.store._flush", lambda _: None)  # nobody needs these caches again
        yield


def refused(error: InputError) -> str:
    assert len(str(error).splitlines()) == 1
    return "refused"


def numbers(column: pd.Series) -> np.ndarray | None:
    """The column as float64, where a clean reader holds numbers or booleans; missing is NaN."""
    kinds = {type(value) for value in column.dropna()}
    if column.dtype.kind in "iuf" or (kinds and kinds <= {bool, np.bool_}):
        return (
            column.map({True: 1.0, False: 0.0}).to_numpy(float)
            if kinds
            <= {
                bool,
                np.bool_,
            }
            else column.to_numpy(float)
        )
    return None


def check_table(table: GeneratedTable) -> str:
    """Load, compare with pandas, divide; return what came of it."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "t"
        if not write(table, folder):
            return "no file"
        try:
            found = data.load(
                str(folder), "", Reading(missing=table.missing, categories=table.categories)
            )
        except InputError as error:
            return refused(error)
        frames = {split: clean(table, folder, split) for split in ("train", "test")}
        compare(found, frames, table.missing)
    part = data.partition(found, "iid", clients=2, seed=0)
    assert sum(len(part.of(client)) for client in range(2)) == len(found.train.labels)
    return "read"


def compare(found: DataSet, frames: dict[str, pd.DataFrame], missing: str) -> None:
    """Every number of the clean reader is an input, unchanged, or left out and said."""
    schema = found.schema
    inputs = [column.name for column in schema.inputs]
    said = " ".join(schema.lines())
    assert [column.name for column in schema.columns] == list(frames["train"].columns)
    for name, column in frames["train"].items():
        if name != schema.label and numbers(column) is not None and name not in inputs:
            assert repr(str(name)[:40])[:-1] in said
    means: np.ndarray | None = None
    for split, held in (("train", found.train), ("test", found.test)):
        values = np.concatenate(
            [feature(frames[split][each.name], each.categories) for each in schema.inputs], axis=1
        )
        labels = frames[split][schema.label]
        if missing == "drop":
            kept = ~np.isnan(values).any(axis=1)
            values, labels = values[kept], labels[kept]
        elif missing == "mean":
            if means is None:
                means = np.nanmean(values, axis=0)
                means[list(schema.indicators)] = 0
            values = np.where(np.isnan(values), means, values)
        np.testing.assert_allclose(held.inputs, values, rtol=1e-12, atol=0)
        assert [found.labels[code] for code in held.labels] == [
            str(label) for label in labels.astype(object)
        ] or same_numbers([found.labels[code] for code in held.labels], labels)
        assert bool(np.isfinite(found.tensors(held)[0].numpy()).all())


def same_numbers(names: list[str], labels: pd.Series) -> bool:
    return [float(name) for name in names] == [float(label) for label in labels]


def feature(column: pd.Series, categories: tuple[str, ...]) -> np.ndarray:
    if categories:
        dummies = pd.get_dummies(column.astype(str)).reindex(columns=categories, fill_value=False)
        return dummies.to_numpy(float) + np.where(column.isna(), np.nan, 0)[:, None]
    flat = numbers(column)
    if flat is not None:
        return flat.reshape(-1, 1)
    width = len(next(value for value in column if value is not None and np.ndim(value)))
    gap = [np.nan] * width
    return np.array([value if np.ndim(value) else gap for value in column], dtype=float)


def check_pictures(generated: GeneratedPictures) -> str:
    """Load and compare with Pillow; return what came of it."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "p"
        files = write_pictures(generated, folder)
        reading = Reading(convert=generated.convert, resize=generated.resize)
        try:
            found = data.load(str(folder), "", reading)
        except InputError as error:
            return refused(error)
        shown = {
            split: [shown_by_pillow(path, reading) for path in files[split]] for split in files
        }
        for split, held in (("train", found.train), ("test", found.test)):
            stacked = np.stack(shown[split]).astype(np.float64)
            if found.schema.range is not None:
                low, high = found.schema.range
                assert "are scaled to 0 to 255" in " ".join(found.schema.lines())
                stacked = (np.clip(stacked, low, high) - low) * (255 / (high - low))
            assert np.abs(held.inputs - stacked).max() <= (1 if stacked.max() > 255 else 0.5001)
            assert held.inputs.dtype == np.uint8
    return "read"


def shown_by_pillow(path: Path, reading: Reading) -> Any:
    """What Pillow shows: upright, grey or RGB, resized; deep grey by the range of its type."""
    with Image.open(path) as opened:
        upright: Any = ImageOps.exif_transpose(opened)
    deep = upright.mode.startswith("I")
    if deep:
        values = np.asarray(upright).astype(np.float64)
        if reading.convert in ("L", "RGB"):
            values = np.rint(values * (255 / (65535 if values.max() <= 65535 else 2**31 - 1)))
        if reading.size:
            picture = Image.fromarray(values.astype(np.float32))
            resized = picture.resize(reading.size[::-1], Image.Resampling.BILINEAR)
            values = np.rint(np.asarray(resized).astype(np.float64))
        return np.repeat(values[None], 3 if reading.convert == "RGB" else 1, axis=0)
    grey = reading.convert == "L" or (reading.convert != "RGB" and upright.mode in ("1", "L"))
    flat = upright.convert("L" if grey else "RGB")
    if reading.size:
        flat = flat.resize(reading.size[::-1], Image.Resampling.BILINEAR)
    pixels = np.asarray(flat)
    return pixels[None] if grey else pixels.transpose(2, 0, 1)


@few
@given(tables())
def test_tables_are_read_as_pandas_reads_them_or_refused(table: GeneratedTable) -> None:
    check_table(table)


@few
@given(pictures())
def test_pictures_are_read_as_pillow_reads_them_or_refused(generated: GeneratedPictures) -> None:
    check_pictures(generated)


@pytest.mark.soak
@many
@given(tables())
def test_many_tables(table: GeneratedTable) -> None:
    check_table(table)


@pytest.mark.soak
@many
@given(pictures())
def test_many_pictures(generated: GeneratedPictures) -> None:
    check_pictures(generated)
