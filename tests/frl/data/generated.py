"""Tables and pictures of every kind that hypothesis thinks of, written as people write them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import strategies as st
from PIL import Image

_NAMES = ("u", "v", "a/b", "Größe", "x,y", "user_id", "Label2", "n" * 60, 'quo"te', " space", "1")
_TEXT = st.sampled_from(["x", "y y", "a,b", '"', "é", "體", "0x1", "1e5z", "line\nbreak", "-"])
_NUMBERS = st.one_of(
    st.floats(-1e3, 1e3),
    st.integers(-5, 5).map(float),
    st.sampled_from([0.0, -0.0, 1e-300, 1e30, -1e30, 3e38, 5e-324]),
)
_KINDS: dict[str, st.SearchStrategy[Any]] = {
    "float": _NUMBERS,
    "int": st.integers(-(2**40), 2**40),
    "few": st.integers(0, 3),
    "big": st.integers(2**62, 2**62 + 3),
    "epoch": st.integers(1_764_000_000_000, 1_764_000_100_000),
    "bool": st.booleans(),
    "text": _TEXT,
    "list": st.lists(st.floats(-9, 9), min_size=2, max_size=2),
    "ragged": st.lists(st.integers(0, 9), min_size=1, max_size=3),
    "constant": st.just(0.1),
}
_LABELS: tuple[tuple[Any, ...], ...] = (
    (0, 1, 2),
    (3, 70),
    ("zeta", "alpha"),
    ("2", "10"),
    (True, False),
    (1.0, 2.0),
    (0.5, 1.5),
    (-1, 0),
)
_ODD = st.sampled_from([None, float("nan"), float("inf"), -float("inf"), 1e39, 1e308, "?"])
MISSING = ("refuse", "mean", "drop")
CATEGORIES = ("leave_out", "one_hot")


class GeneratedTable(NamedTuple):
    """Columns of both splits by name, and how they are written and read."""

    train: dict[str, list[Any]]
    test: dict[str, list[Any]]
    label: str
    ending: str
    missing: str
    categories: str


@st.composite
def tables(draw: st.DrawFn) -> GeneratedTable:
    """Draw a table: mostly good, with an oddity in one place or another."""
    rows = {"train": draw(st.integers(4, 12)), "test": draw(st.integers(1, 5))}
    names = draw(st.lists(st.sampled_from(_NAMES), min_size=1, max_size=4, unique=True))
    ending = draw(st.sampled_from(["csv", "tsv", "parquet", "jsonl"]))
    kinds = [k for k in _KINDS if ending in ("parquet", "jsonl") or k not in ("list", "ragged")]
    classes = draw(st.sampled_from(_LABELS))
    parts: dict[str, dict[str, list[Any]]] = {"train": {}, "test": {}}
    for name in names:
        kind = _KINDS[draw(st.sampled_from(kinds))]
        for split, count in rows.items():
            parts[split][name] = draw(st.lists(kind, min_size=count, max_size=count))
    for split, count in rows.items():
        labels = [classes[row % len(classes)] for row in range(count)]
        parts[split]["label"] = draw(st.permutations(labels)) if split == "train" else labels
    if draw(st.booleans()):
        split = draw(st.sampled_from(["train", "test"]))
        name = draw(st.sampled_from([*names, "label"]))
        row = draw(st.integers(0, rows[split] - 1))
        parts[split][name] = [*parts[split][name]]
        parts[split][name][row] = draw(_ODD)
    change = draw(st.sampled_from(["none", "none", "order", "drop", "extra", "retype"]))
    test = parts["test"]
    if change == "order":
        test = {name: test[name] for name in draw(st.permutations(list(test)))}
    elif change == "drop" and len(test) > 2:
        del test[draw(st.sampled_from(names))]
    elif change == "extra":
        test = {"extra": [1] * rows["test"], **test}
    elif change == "retype":
        test[names[0]] = draw(
            st.lists(
                _KINDS[draw(st.sampled_from(kinds))], min_size=rows["test"], max_size=rows["test"]
            )
        )
    missing, categories = (draw(st.sampled_from(each)) for each in (MISSING, CATEGORIES))
    return GeneratedTable(parts["train"], test, "label", ending, missing, categories)


def write(table: GeneratedTable, folder: Path) -> bool:
    """Write both splits; say whether the kind of file can hold them."""
    folder.mkdir(parents=True)
    for split, columns in (("train", table.train), ("test", table.test)):
        path = folder / f"{split}.{table.ending}"
        if table.ending == "parquet":
            try:
                pq.write_table(pa.table(columns), path)
            except (pa.ArrowException, TypeError, OverflowError):
                return False
        elif table.ending == "jsonl":
            records = [
                dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)
            ]
            path.write_text("".join(json.dumps(record) + "\n" for record in records))
        else:
            frame = pd.DataFrame({name: pd.Series(v, dtype=object) for name, v in columns.items()})
            frame.to_csv(path, index=False, sep="\t" if table.ending == "tsv" else ",")
    return True


def clean(table: GeneratedTable, folder: Path, split: str) -> pd.DataFrame:
    """Read a split as pandas does."""
    path = folder / f"{split}.{table.ending}"
    if table.ending == "parquet":
        return pq.read_table(path).to_pandas()
    if table.ending == "jsonl":
        return pd.DataFrame([json.loads(line) for line in path.read_text().split("\n") if line])
    return pd.read_csv(path, sep="\t" if table.ending == "tsv" else ",")


class GeneratedPictures(NamedTuple):
    """Pictures of both splits, and how they are written and read."""

    train: list[Image.Image]
    test: list[Image.Image]
    ending: str
    turned: int
    broken: tuple[str, int, int] | None
    convert: str
    resize: str


_ENDINGS = {
    "1": ("png", "tiff", "bmp"),
    "L": ("png", "tiff", "bmp", "jpg", "gif", "webp"),
    "LA": ("png",),
    "P": ("png", "gif", "bmp"),
    "RGB": ("png", "tiff", "bmp", "jpg", "webp"),
    "RGBA": ("png", "tiff", "webp"),
    "CMYK": ("jpg", "tiff"),
    "I;16": ("png", "tiff"),
    "I": ("tiff",),
    "F": ("tiff",),
}


@st.composite
def pictures(draw: st.DrawFn) -> GeneratedPictures:
    """Draw pictures of one mode and size, mostly, with an oddity in one place or another."""
    mode = draw(st.sampled_from(list(_ENDINGS)))
    ending = draw(st.sampled_from(_ENDINGS[mode]))
    size = (draw(st.integers(1, 9)), draw(st.integers(1, 9)))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    top = draw(st.sampled_from([3, 255, 4095, 65535, 100_000]))
    odd = draw(st.sampled_from([None, None, "size", "mode"]))
    train = [_picture(rng, mode, size, top) for _ in range(6)]
    test = [_picture(rng, mode, size, top) for _ in range(3)]
    part = draw(st.sampled_from([train, test]))
    place = draw(st.integers(0, len(part) - 1))
    if odd == "size":
        part[place] = _picture(rng, mode, (size[0] + draw(st.integers(0, 1)), size[1] + 1), top)
    elif odd == "mode":
        other = draw(st.sampled_from([m for m in _ENDINGS if ending in _ENDINGS[m]]))
        part[place] = _picture(rng, other, size, top)
    turned = draw(st.sampled_from([1, 1, 3, 6, 8])) if ending in ("jpg", "png", "webp") else 1
    broken = draw(
        st.one_of(
            st.none(),
            st.tuples(st.sampled_from(["train", "test"]), st.integers(0, 2), st.integers(0, 200)),
        )
    )
    return GeneratedPictures(
        train,
        test,
        ending,
        turned,
        broken,
        draw(st.sampled_from(["", "", "L", "RGB", "stretch"])),
        draw(st.sampled_from(["", "", "4", "3x5"])),
    )


def _picture(rng: np.random.Generator, mode: str, size: tuple[int, int], top: int) -> Image.Image:
    if mode in ("I;16", "I", "F"):
        kind = {"I;16": np.uint16, "I": np.int32, "F": np.float32}[mode]
        most = min(top, 65535) if mode == "I;16" else top
        return Image.fromarray(rng.integers(0, most + 1, size[::-1]).astype(kind))
    plain = Image.fromarray(rng.integers(0, 256, (*size[::-1], 3)).astype(np.uint8))
    if mode == "RGBA":
        plain.putalpha(int(rng.integers(100, 256)))
        return plain
    return plain.convert("L").convert("LA") if mode == "LA" else plain.convert(mode)


def write_pictures(generated: GeneratedPictures, folder: Path) -> dict[str, list[Path]]:
    """Write each split in class folders; the files in the order of reading."""
    files: dict[str, list[Path]] = {}
    for split, images in (("train", generated.train), ("test", generated.test)):
        files[split] = []
        for row, image in enumerate(images):
            place = folder / split / f"c{row % 3}"
            place.mkdir(parents=True, exist_ok=True)
            path = place / f"{row}.{generated.ending}"
            exif = Image.Exif()
            exif[0x0112] = generated.turned
            image.save(path, **({"exif": exif} if generated.turned > 1 else {}))
            files[split].append(path)
        files[split].sort()
    if generated.broken is not None:
        split, place_, length = generated.broken
        path = files[split][place_]
        path.write_bytes(path.read_bytes()[:length])
    return files
