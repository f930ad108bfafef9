"""Small data sets of the kinds that people bring, written to a folder."""

from __future__ import annotations

import json
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

ROWS = {"train": 30, "test": 9}
Frame = pd.DataFrame


def frame(rows: int, seed: int = 0) -> Frame:
    """Two features and a label of three classes, all in order."""
    rng = np.random.default_rng(seed)
    label = np.arange(rows) % 3
    values = rng.normal(size=(rows, 2)) + 4 * label[:, None]
    return pd.DataFrame(values, columns=["u", "v"]).assign(label=label)


def write_table(
    folder: Path,
    change: Callable[[Frame, str], Frame | None] | None = None,
    ending: str = "csv",
    **options: Any,
) -> Path:
    """Write a table for each split; ``change`` may change it or return another."""
    folder.mkdir(parents=True)
    for split, count in ROWS.items():
        table = frame(count, len(split))
        table = change(table, split) if change else table
        assert table is not None
        path = folder / f"{split}.{ending}"
        if ending == "csv":
            table.to_csv(path, **{"index": False, **options})
        elif ending == "parquet":
            table.to_parquet(path, index=False)
        else:
            rows = table.astype(object).to_dict("records")
            path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def pixels(label: int, size: tuple[int, int] = (8, 8), row: int = 0) -> np.ndarray:
    """A grey picture whose bright half tells its class."""
    values = np.full(size, 10 + row, dtype=np.int64)
    values[: size[0] // 2] += 60 * label
    return values


def write_pictures(
    folder: Path, make: Callable[[int, str, int], Image.Image], ending: str = "png"
) -> Path:
    """Write a folder for each class below each split; ``make`` takes label, split and number."""
    for split, rows in ROWS.items():
        for row in range(rows):
            place = folder / split / f"c{row % 3}"
            place.mkdir(parents=True, exist_ok=True)
            make(row % 3, split, row).save(place / f"{row:02d}.{ending}")
    return folder


def grey(label: int, split: str, row: int) -> Image.Image:
    return Image.fromarray(pixels(label, row=row).astype(np.uint8))


def encoded(image: Image.Image) -> bytes:
    buffer = BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()
