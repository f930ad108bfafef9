"""Pictures that people bring: what Pillow shows, in 8 bits, or one line that names the file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from frl import data
from frl.data import Reading
from frl.errors import InputError
from tests.frl.data.inputs import ROWS, encoded, grey, pixels, write_pictures

Make = Callable[[int, str, int], Image.Image]


@pytest.fixture(autouse=True)
def _cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FRL_CACHE", str(tmp_path_factory.mktemp("cache")))


def deep(scale: int, offset: int = 0, kind: type = np.uint16) -> Make:
    return lambda label, split, row: Image.fromarray(
        (pixels(label, row=row) * scale + offset).astype(kind)
    )


def big_endian(label: int, split: str, row: int) -> Image.Image:
    values = (pixels(label, row=row) * 257).astype(">u2")
    return Image.frombytes("I;16B", (8, 8), values.tobytes())


def expected(split: str) -> np.ndarray:
    """The grey pictures in the order in which ``datasets`` lists them: by class, then number."""
    rows = sorted(range(ROWS[split]), key=lambda row: (row % 3, row))
    return np.stack([pixels(row % 3, row=row) for row in rows])[:, None].astype(np.uint8)


@pytest.mark.parametrize(
    ("make", "ending"),
    [
        (deep(257), "png"),
        (deep(257), "tiff"),
        (deep(257, kind=np.int32), "tiff"),
        (big_endian, "tiff"),
    ],
)
def test_deep_pictures_are_scaled_by_the_range_of_their_type(
    tmp_path: Path, make: Make, ending: str
) -> None:
    found = data.load(str(write_pictures(tmp_path / "p", make, ending)))

    for split, held in (("train", found.train), ("test", found.test)):
        np.testing.assert_array_equal(held.inputs, expected(split))
    assert "pixels 0 to 65535 are scaled to 0 to 255" in found.schema.lines()[1]
    assert found.schema.range == (0, 65535)


def test_deep_pictures_of_few_steps_take_a_key(tmp_path: Path) -> None:
    folder = str(write_pictures(tmp_path / "p", deep(1, 1000)))

    for reading in (Reading(), Reading(convert="L")):
        with pytest.raises(InputError, match=r"256 steps; takes 8 or more, or data.convert = .str"):
            data.load(folder, "", reading)
    found = data.load(folder, "", Reading(convert="stretch"))
    low, high = int(expected("train").min()), int(expected("train").max())
    scaled = np.rint((expected("train").astype(float) - low) * 255 / (high - low))
    np.testing.assert_array_equal(found.train.inputs, scaled)


def transposed(label: int, split: str, row: int) -> Image.Image:
    return Image.fromarray(pixels(label, (8, 16) if split == "train" else (16, 8)).astype(np.uint8))


def colour_of(train: str, test: str) -> Make:
    return lambda label, split, row: grey(label, split, row).convert(
        train if split == "train" else test
    )


def one(chosen: int, other: Make) -> Make:
    return lambda label, split, row: (other if row == chosen else grey)(label, split, row)


REFUSED: dict[str, tuple[Make, str]] = {
    "transposed": (
        transposed,
        "row 1 of train is grey of 8x16 and .*row 1 of test is grey of 16x8",
    ),
    "bigger": (
        lambda label, split, row: grey(label, split, row).resize(
            (8, 8) if split == "train" else (12, 9)
        ),
        "is grey of 8x8 and .* is grey of 9x12; takes one shape, or data.resize",
    ),
    "one bigger": (
        one(9, lambda label, split, row: grey(label, split, row).resize((9, 8))),
        r"c0/00.png is grey of 8x8 and .*c0/09.png is grey of 8x9",
    ),
    "grey, then RGB": (colour_of("L", "RGB"), "grey of 8x8 and .* RGB of 8x8; .* data.convert"),
    "RGB, then grey": (colour_of("RGB", "L"), "RGB of 8x8 and .* grey of 8x8; .* data.convert"),
    "one with alpha": (one(4, colour_of("LA", "LA")), "c1/04.png is RGB of 8x8; .* data.convert"),
    "8 and 16 bits": (one(4, deep(257)), "pixels up to 255 and .*c1/04.png up to 65535; .*convert"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_pictures_that_differ_are_refused(tmp_path: Path, case: str) -> None:
    make, message = REFUSED[case]
    folder = str(write_pictures(tmp_path / "p", make))

    with pytest.raises(InputError, match=message) as caught:
        data.load(folder)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("make", "reading", "shape"),
    [
        (transposed, Reading(resize="8x16"), (1, 8, 16)),
        (REFUSED["bigger"][0], Reading(resize="8"), (1, 8, 8)),
        (colour_of("L", "RGB"), Reading(convert="L"), (1, 8, 8)),
        (colour_of("RGB", "L"), Reading(convert="RGB"), (3, 8, 8)),
        (one(4, deep(257)), Reading(convert="L"), (1, 8, 8)),
        (one(4, deep(257)), Reading(convert="RGB", resize="4x4"), (3, 4, 4)),
    ],
)
def test_pictures_that_differ_are_made_alike_by_keys(
    tmp_path: Path, make: Make, reading: Reading, shape: tuple[int, ...]
) -> None:
    found = data.load(str(write_pictures(tmp_path / "p", make)), "", reading)

    assert found.train.inputs.shape[1:] == found.test.inputs.shape[1:] == shape
    if shape == (1, 8, 8) and reading.convert:
        np.testing.assert_array_equal(found.train.inputs, expected("train"))


def test_resizing_is_that_of_pillow(tmp_path: Path) -> None:
    found = data.load(str(write_pictures(tmp_path / "p", grey)), "", Reading(resize="5x3"))

    plain = [Image.fromarray(image[0]) for image in expected("train")]
    resized = [np.asarray(p.resize((3, 5), Image.Resampling.BILINEAR)) for p in plain]
    np.testing.assert_array_equal(found.train.inputs[:, 0], resized)


def test_pictures_are_upright(tmp_path: Path) -> None:
    folder = write_pictures(tmp_path / "p", grey)
    for path in sorted(folder.rglob("*.png"))[::2]:
        with Image.open(path) as image:
            exif = Image.Exif()
            exif[0x0112] = 6
            image.rotate(90).save(path, exif=exif)

    found = data.load(str(folder))

    np.testing.assert_array_equal(found.train.inputs, expected("train"))
    assert "pictures of train turned upright as their EXIF says: 15" in found.schema.lines()[1]


def test_transparency_that_is_lost_is_said(tmp_path: Path) -> None:
    def clear(label: int, split: str, row: int) -> Image.Image:
        image = grey(label, split, row).convert("RGBA")
        image.putalpha(255 if row < 10 else 128)
        return image

    found = data.load(str(write_pictures(tmp_path / "p", clear)))

    np.testing.assert_array_equal(found.train.inputs, expected("train").repeat(3, axis=1))
    assert found.schema.notes == ("pictures of train that lose their transparency: 20",)


def test_another_colour_space_is_said(tmp_path: Path) -> None:
    folder = write_pictures(tmp_path / "p", lambda *which: grey(*which).convert("CMYK"), "jpg")

    found = data.load(str(folder))

    assert found.train.inputs.shape[1] == 3
    assert found.schema.notes == (
        "pictures of train converted from CMYK to RGB: 30",
        "pictures of test converted from CMYK to RGB: 9",
    )


def test_files_that_are_not_read_are_named(tmp_path: Path) -> None:
    folder = write_pictures(tmp_path / "p", grey)
    for name in ("train/c0/9.heic", "train/notes.txt", "test/Thumbs.db", ".DS_Store", "README.md"):
        (folder / name).write_bytes(b"anything")

    found = data.load(str(folder))

    said = "files that are not read: 3, 'test/Thumbs.db', 'train/c0/9.heic', 'train/notes.txt'"
    assert found.schema.notes == (said,)
    np.testing.assert_array_equal(found.train.inputs, expected("train"))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (lambda whole: b"not a picture", "is no picture"),
        (lambda whole: b"", "is no picture"),
        (lambda whole: whole[:48], "truncated|broken"),
        (lambda whole: whole[:40] + b"\0\0\0\0" + whole[44:], "cannot be read"),
    ],
)
@pytest.mark.parametrize("split", ["train", "test"])
def test_a_broken_picture_is_named(
    tmp_path: Path, content: Callable[[bytes], bytes], reason: str, split: str
) -> None:
    folder = write_pictures(tmp_path / "p", grey)
    victim = folder / split / "c1" / "04.png"
    victim.write_bytes(content(victim.read_bytes()))

    with pytest.raises(InputError, match=rf"{split}/c1/04\.png .*({reason})") as caught:
        data.load(str(folder))
    assert "\n" not in str(caught.value)


def test_several_frames_are_not_one_picture(tmp_path: Path) -> None:
    folder = write_pictures(tmp_path / "p", grey, "gif")
    first = grey(0, "train", 0)
    first.save(
        folder / "train" / "c0" / "00.gif", save_all=True, append_images=[grey(1, "train", 1)]
    )

    with pytest.raises(InputError, match=r"c0/00\.gif has 2 frames; takes one picture"):
        data.load(str(folder))


def test_fractions_are_no_pixels(tmp_path: Path) -> None:
    make = lambda label, split, row: grey(label, split, row).convert("F")  # noqa: E731

    with pytest.raises(InputError, match=r"00\.tiff has floating-point pixels"):
        data.load(str(write_pictures(tmp_path / "p", make, "tiff")))


def test_missing_class_folders(tmp_path: Path) -> None:
    for split, rows in ROWS.items():
        (tmp_path / split).mkdir()
        for row in range(rows):
            grey(row % 3, split, row).save(tmp_path / split / f"{row}.png")

    with pytest.raises(InputError, match=r"have no labels .*takes two or more class folders"):
        data.load(str(tmp_path))


def table_of(folder: Path, column: Callable[[list[bytes]], pa.Array]) -> str:
    folder.mkdir()
    for split, rows in ROWS.items():
        images = [encoded(grey(row % 3, split, row)) for row in range(rows)]
        columns = {
            "image": column(images),
            "label": [row % 3 for row in range(rows)],
            "n": range(rows),
        }
        pq.write_table(pa.table(columns), folder / f"{split}.parquet")
    return str(folder)


@pytest.mark.parametrize("kind", ["struct", "bytes", "large"])
def test_pictures_in_parquet_that_other_libraries_wrote(tmp_path: Path, kind: str) -> None:
    def column(images: list[bytes]) -> pa.Array:
        if kind == "struct":
            return pa.array([{"bytes": image, "path": None} for image in images])
        return pa.array(images, pa.large_binary() if kind == "large" else pa.binary())

    found = data.load(table_of(tmp_path / "p", column))

    assert found.train.inputs[:, 0].tolist() == [
        pixels(row % 3, row=row).tolist() for row in range(30)
    ]
    assert [column.use for column in found.schema.columns] == ["input", "label", "left out"]


def test_a_row_without_a_picture_is_named(tmp_path: Path) -> None:
    def holed(images: list[bytes]) -> pa.Array:
        return pa.array(
            [None if row == 5 else {"bytes": i, "path": None} for row, i in enumerate(images)]
        )

    def gone(images: list[bytes]) -> pa.Array:
        return pa.array(
            [{"bytes": None, "path": f"/nowhere/{row}.png"} for row in range(len(images))]
        )

    with pytest.raises(InputError, match=r"column 'image', row 6 of train has no picture"):
        data.load(table_of(tmp_path / "holed", holed))
    with pytest.raises(InputError, match=r"no picture /nowhere/0\.png"):
        data.load(table_of(tmp_path / "gone", gone))
