"""One number for equal data, wherever and in whatever file they lie; another for any change."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from frl import data
from frl.data import DataSet, Split


def small(**changed: object) -> DataSet:
    inputs, labels = np.arange(24, dtype=np.uint8).reshape(6, 1, 2, 2), np.arange(6) % 2
    parts = {
        "name": "small",
        "train": Split(inputs[:4], labels[:4]),
        "test": Split(inputs[4:], labels[4:]),
        "classes": 2,
        "mean": (0.0,),
        "std": (1.0,),
        "columns": {"owner": np.array([0, 0, 1, 1], np.int32)},
        "labels": ("cat", "dog"),
    }
    return DataSet(**{**parts, **changed})  # type: ignore[arg-type]


def one_pixel(split: Split) -> Split:
    inputs = split.inputs.copy()
    inputs[0, 0, 0, 0] += 1
    return Split(inputs, split.labels)


CHANGES: dict[str, Callable[[DataSet], DataSet]] = {
    "a pixel": lambda d: dataclasses.replace(d, train=one_pixel(d.train)),
    "a test pixel": lambda d: dataclasses.replace(d, test=one_pixel(d.test)),
    "a label": lambda d: dataclasses.replace(d, train=Split(d.train.inputs, d.train.labels[::-1])),
    "the order": lambda d: dataclasses.replace(d, train=Split(*(x[::-1] for x in d.train))),
    "the type": lambda d: dataclasses.replace(
        d, train=Split(d.train.inputs.astype(np.uint16), d.train.labels)
    ),
    "the shape": lambda d: dataclasses.replace(
        d, train=Split(d.train.inputs.reshape(4, 1, 1, 4), d.train.labels)
    ),
    "a row moved to the test split": lambda d: dataclasses.replace(
        d,
        train=Split(d.train.inputs[:3], d.train.labels[:3]),
        test=Split(
            np.concatenate([d.train.inputs[3:], d.test.inputs]),
            np.concatenate([d.train.labels[3:], d.test.labels]),
        ),
    ),
    "class names": lambda d: dataclasses.replace(d, labels=("dog", "cat")),
    "a group": lambda d: dataclasses.replace(d, columns={"owner": np.array([0, 1, 1, 1])}),
    "a group's name": lambda d: dataclasses.replace(d, columns={"site": d.columns["owner"]}),
    "augmentation": lambda d: dataclasses.replace(d, augmentation="crop-flip"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_any_change_makes_another_fingerprint(change: str) -> None:
    before = small()
    assert before.fingerprint == small(name="other").fingerprint
    assert CHANGES[change](before).fingerprint != before.fingerprint


def test_the_fingerprint_of_the_digits_stays_the_same() -> None:
    assert data.load("digits").fingerprint == "ad4996ac70dd664712318f0209ebf549"


def test_paths_and_the_cache_play_no_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    frame = pd.DataFrame(
        {"u": [0.5, 1.5, 2.5, 4.0], "blood A/B": list("abab"), "label": [0, 1] * 2}
    )
    found = []
    for place in ("here", "there"):
        (tmp_path / place).mkdir()
        monkeypatch.setenv("FRL_CACHE", str(tmp_path / f"cache-{place}"))
        for split in ("train", "test"):
            if place == "here":
                frame.to_csv(tmp_path / place / f"{split}.csv", index=False)
            else:
                frame.to_parquet(tmp_path / place / f"{split}.parquet", index=False)
        found += [data.load(str(tmp_path / place)) for _ in range(2)]

    assert len({one.fingerprint for one in found}) == 1
    kept = found[1].fingerprint
    assert kept == dataclasses.replace(found[1]).fingerprint, "what is kept is what is there"


def test_what_the_cache_keeps_is_not_worked_out_again(monkeypatch: pytest.MonkeyPatch) -> None:
    before = data.load("digits").fingerprint

    def never(_: DataSet) -> str:
        raise AssertionError("hashed again")

    monkeypatch.setattr("frl.data.dataset.fingerprint_of", never)
    assert data.load("digits").fingerprint == before
