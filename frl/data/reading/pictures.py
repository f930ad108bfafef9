"""Pictures of a column: upright, 8 bits a channel, grey or RGB, all of one shape."""

from __future__ import annotations

import warnings
from collections import Counter
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from frl.data.reading.columns import Table
from frl.data.reading.options import Reading
from frl.errors import InputError

_DEEP = {"I;16": 65535, "I;16L": 65535, "I;16B": 65535, "I;16N": 65535, "I": 2**31 - 1}
"""Modes of grey pictures with more than 8 bits, and their largest pixel."""
_PLAIN = ("1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX")
"""Modes of pictures that hold the colours they show."""
_FEWEST = 8
"""Steps of grey that must be left of a deep picture."""
_SCALED = "scaled to 8 bits by the range of their type"


class Decoded(NamedTuple):
    """The pictures of one split.

    Attributes
    ----------
    pixels : array of shape (n, channels, height, width)
        uint8, or as deep as the files where these have more than 8 bits.
    deepest : int
        Largest pixel of the files' type.
    notes : list of str
    """

    pixels: NDArray[Any]
    deepest: int
    notes: list[str]


def decode_pictures(table: Table, column: str, reading: Reading) -> Decoded:
    """Decode a column of pictures.

    Raises
    ------
    InputError
        If a picture is missing or unreadable, or unlike the first one, with its file or row.
    """
    pixels: list[NDArray[Any]] = []
    first, deepest = "", 255
    seen: Counter[str] = Counter()
    for row, value in enumerate(table.values(column)):
        where, source = _source(table, column, row, value.as_py())
        decoded, largest = _decode(source, where, reading, seen)
        if not pixels:
            first, deepest = where, largest
        elif decoded.shape != pixels[0].shape:
            raise unlike(first, pixels[0].shape, where, decoded.shape)
        if largest != deepest:
            raise unlike_depth(first, deepest, where, largest)
        pixels.append(decoded)
    stacked = np.ascontiguousarray(np.stack(pixels))
    if seen[_SCALED] and np.ptp(stacked) < _FEWEST:
        raise _few_steps(table.split, int(np.ptp(stacked)))
    notes = [f"pictures of {table.split} {what}: {count:,}" for what, count in seen.items()]
    return Decoded(stacked, deepest, notes)


def to_bytes(
    pictures: list[Decoded], reading: Reading, known: tuple[int, int] | None
) -> tuple[list[NDArray[np.uint8]], tuple[int, int] | None, list[str]]:
    """Scale the pictures of all splits to 8 bits by one range.

    Parameters
    ----------
    pictures : list of Decoded
        The training split first.
    reading : Reading
    known : tuple of (int, int), optional
        The range of a run that these pictures belong to.

    Returns
    -------
    list of uint8 arrays, the range (``None``: pixels as they were), and notes

    Raises
    ------
    InputError
        If a pixel is out of the range of its type, or hardly a step of grey is left.
    """
    deepest = pictures[0].deepest
    if deepest == 255:
        return [each.pixels for each in pictures], None, []
    low, high = known or _range(pictures, reading)
    scaled, notes = [], []
    for each in pictures:
        if reading.convert != "stretch" and (each.pixels.min() < 0 or each.pixels.max() > high):
            raise InputError(
                f"data: pixels from {each.pixels.min()} to {each.pixels.max()}; takes 0 to {high}, "
                'or data.convert = "stretch"'
            )
        values = np.clip(each.pixels.astype(np.float64), low, high)
        scaled.append(np.rint((values - low) * (255.0 / (high - low))).astype(np.uint8))
    train = pictures[0].pixels
    left, had = int(np.ptp(scaled[0])), int(np.ptp(train))
    if left < min(had, _FEWEST) and known is None:
        raise _few_steps(f"train, {train.min()} to {train.max()} of {low} to {high},", left)
    notes.append(f"pixels {low} to {high} are scaled to 0 to 255, {left + 1} steps in train")
    return scaled, (low, high), notes


def unlike(first: str, shape: tuple[int, ...], where: str, other: tuple[int, ...]) -> InputError:
    """Build the error for two pictures of different shapes."""
    hints = []
    if shape[0] != other[0]:
        hints.append('data.convert = "L" or "RGB"')
    if shape[1:] != other[1:]:
        hints.append('data.resize = "HEIGHTxWIDTH"')
    return InputError(
        f"data: {first} is {_named(shape)} and {where} is {_named(other)}; takes one shape, or "
        f"{' and '.join(hints)}"
    )


def unlike_depth(first: str, deepest: int, where: str, other: int) -> InputError:
    """Build the error for two pictures of different depths."""
    return InputError(
        f"data: {first} has pixels up to {deepest} and {where} up to {other}; takes one depth, or "
        'data.convert = "L"'
    )


def _few_steps(what: str, steps: int) -> InputError:
    return InputError(
        f"data: the pixels of {what} become {steps + 1} of 256 steps; takes {_FEWEST} or more, or "
        'data.convert = "stretch", which scales by their own range'
    )


def _named(shape: tuple[int, ...]) -> str:
    channels, height, width = shape
    return f"{'grey' if channels == 1 else 'RGB'} of {height}x{width}"


def _range(pictures: list[Decoded], reading: Reading) -> tuple[int, int]:
    train = pictures[0].pixels
    if reading.convert == "stretch":
        low, high = int(train.min()), int(train.max())
        if low == high:
            raise InputError(f"data: every pixel of the training pictures is {low}")
        return low, high
    if all(each.pixels.max(initial=0) <= 65535 for each in pictures):
        return 0, 65535
    return 0, pictures[0].deepest


def _source(table: Table, column: str, row: int, value: Any) -> tuple[str, Any]:
    """Return what to call a picture, and what to open."""
    place = f"column {column!r}, {table.at(row)}"
    if isinstance(value, dict):
        path, value = value.get("path"), value.get("bytes")
        if value is None and path:
            real = Path(path).resolve()
            return f"{real}", real
        place = f"{place} ({path})" if path else place
    if value is None:
        raise InputError(f"data: {place} has no picture")
    return place, BytesIO(value)


def _decode(
    source: Any, where: str, reading: Reading, seen: Counter[str]
) -> tuple[NDArray[Any], int]:
    from PIL import Image, ImageOps

    try:
        with warnings.catch_warnings(), Image.open(source) as opened:
            warnings.simplefilter("ignore")
            frames = getattr(opened, "n_frames", 1)
            if frames > 1:
                raise InputError(f"data: {where} has {frames} frames; takes one picture")
            opened.load()
            picture: Any = ImageOps.exif_transpose(opened)
            if (opened.getexif().get(0x0112) or 1) != 1:
                seen["turned upright as their EXIF says"] += 1
            if _see_through(picture):
                seen["that lose their transparency"] += 1
            return _array(picture, where, reading, seen)
    except InputError:
        raise
    except FileNotFoundError:
        raise InputError(f"data: no picture {where}") from None
    except Exception as error:
        lines = str(error).splitlines() or [type(error).__name__]
        said = "is no picture" if "cannot identify" in lines[0] else lines[0]
        raise InputError(f"data: {where} cannot be read: {said}") from None


def _array(
    picture: Any, where: str, reading: Reading, seen: Counter[str]
) -> tuple[NDArray[Any], int]:
    mode = picture.mode
    if mode == "F":
        raise InputError(f"data: {where} has floating-point pixels; takes 8 or 16 bits")
    deepest = _DEEP.get(mode, 255)
    if deepest > 255:
        values = np.asarray(picture).astype(np.int64)
        if reading.convert in ("L", "RGB"):
            values, deepest = _shallow(values, deepest, where), 255
            seen[_SCALED] += 1
        if reading.size:
            values = _resized_deep(values, reading.size)
        channels = 3 if reading.convert == "RGB" else 1
        kind = np.uint8 if deepest == 255 else np.int32
        return np.repeat(values[None].astype(kind), channels, axis=0), deepest
    grey = mode in ("L", "1") if reading.convert in ("", "stretch") else reading.convert == "L"
    if mode not in _PLAIN:
        seen[f"converted from {mode} to {'grey' if grey else 'RGB'}"] += 1
    flat = picture.convert("L" if grey else "RGB")
    if reading.size:
        from PIL import Image

        flat = flat.resize(reading.size[::-1], Image.Resampling.BILINEAR)
    pixels = np.asarray(flat, dtype=np.uint8)
    return (pixels[None] if grey else pixels.transpose(2, 0, 1)), 255


def _shallow(values: NDArray[np.int64], deepest: int, where: str) -> NDArray[np.int64]:
    high = 65535 if values.max(initial=0) <= 65535 else deepest
    if values.min(initial=0) < 0:
        raise InputError(f"data: {where} has the pixel {values.min()}; takes 0 to {high}")
    return np.asarray(np.rint(values * (255.0 / high)), dtype=np.int64)


def _resized_deep(values: NDArray[np.int64], size: tuple[int, int]) -> NDArray[np.int64]:
    from PIL import Image

    picture = Image.fromarray(values.astype(np.float32), mode="F")
    resized = picture.resize(size[::-1], Image.Resampling.BILINEAR)
    return np.asarray(np.rint(np.asarray(resized)), dtype=np.int64)


def _see_through(picture: Any) -> bool:
    if picture.mode in ("LA", "RGBA", "PA", "La", "RGBa"):
        return bool(picture.getchannel(picture.getbands()[-1]).getextrema()[0] < 255)
    return picture.info.get("transparency") is not None
