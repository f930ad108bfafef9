"""From a data set of the ``datasets`` library to arrays: images to uint8, tables to float32."""

from __future__ import annotations

import logging
from io import BytesIO
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from frl.data.dataset import Columns, Split
from frl.errors import InputError

log = logging.getLogger(__name__)

_LABELS = ("label", "labels", "target", "class", "y", "character", "fine_label")


class Decoded(NamedTuple):
    """A data set as arrays."""

    train: Split
    test: Split
    classes: int
    columns: Columns
    labels: tuple[str, ...]


def read_splits(where: str, **options: Any) -> Any:
    """Open a folder or hub id with ``datasets``; its options are passed on.

    Raises
    ------
    InputError
        If it cannot be read; the first line of the library's reason is passed on.
    """
    import datasets

    datasets.disable_progress_bars()
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)
    log.info("decoding %s (once; kept in the cache)", where)
    try:
        return datasets.load_dataset(where, **options)
    except Exception as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise InputError(f"data: cannot read {where!r}: {reason}") from None


def decode(splits: Any, *, untested: bool = False) -> Decoded:
    """Decode the train and test splits.

    Parameters
    ----------
    splits : datasets.DatasetDict
        With ``train`` and one of ``test`` and ``validation``. A column of images, or else all
        numeric columns, are the inputs; a column called ``label`` (or one of its usual other
        names), or else the only class-label column, is the label.
    untested : bool
        Whether it goes without a test split; one split of any name is then for training.

    Raises
    ------
    InputError
        If a split or column is missing.
    """
    held_out = next((name for name in ("test", "validation", "valid") if name in splits), None)
    only = next(iter(splits)) if untested and len(splits) == 1 else "train"
    if only not in splits or (held_out is None and not untested):
        raise InputError(f"data: takes the splits train and test; found {', '.join(splits)}")
    train = splits[only]
    label = _label_column(train)
    distinct = _distinct(train, label)
    codes = {value: code for code, value in enumerate(distinct)}
    image = next((name for name, kind in train.features.items() if _is_image(kind)), None)
    others = [name for name in train.column_names if name not in (label, image)]
    inputs = (image,) if image else tuple(name for name in others if _is_number(train, name))
    if not inputs:
        raise InputError(f"data: no image and no numeric column in {train.column_names}")
    examples = Split(_inputs(train, inputs, image), _labels(train, label, codes))
    test = Split(examples.inputs[:0], examples.labels[:0])
    if held_out is not None and not untested:
        kept = splits[held_out]
        test = Split(_inputs(kept, inputs, image), _labels(kept, label, codes))
    return Decoded(
        train=examples,
        test=test,
        classes=len(codes),
        columns={
            name: np.unique(np.asarray(train[name]), return_inverse=True)[1].astype(np.int32)
            for name in others
            if _is_scalar(train.features[name])
        },
        labels=tuple(getattr(train.features[label], "names", None) or map(str, distinct)),
    )


def _label_column(split: Any) -> str:
    for name in _LABELS:
        if name in split.column_names:
            return name
    classes = [name for name, kind in split.features.items() if hasattr(kind, "names")]
    if len(classes) == 1:
        return str(classes[0])
    raise InputError(
        f"data: no label column in {split.column_names}; takes one of {', '.join(_LABELS)}"
    )


def _distinct(split: Any, column: str) -> list[Any]:
    kind = split.features[column]
    if hasattr(kind, "names"):
        return list(range(len(kind.names)))
    return sorted(split.unique(column))


def _is_image(kind: Any) -> bool:
    import datasets

    return isinstance(kind, datasets.Image)


def _is_number(split: Any, column: str) -> bool:
    return getattr(split.features[column], "dtype", "").startswith(("int", "uint", "float"))


def _is_scalar(kind: Any) -> bool:
    return getattr(kind, "dtype", "").startswith(("int", "uint", "string", "bool"))


def _labels(split: Any, column: str, codes: dict[Any, int]) -> NDArray[np.int64]:
    try:
        return np.array([codes[value] for value in split[column]], dtype=np.int64)
    except KeyError as error:
        raise InputError(
            f"data: label {error.args[0]!r} of column {column!r} is not among the training labels"
        ) from None


def _inputs(split: Any, columns: tuple[str, ...], image: str | None) -> NDArray[Any]:
    if image is None:
        stacked = [np.asarray(split[name], dtype=np.float32) for name in columns]
        return np.ascontiguousarray(np.stack(stacked, axis=1))
    import datasets
    from PIL import Image

    encoded = split.cast_column(image, datasets.Image(decode=False))
    pictures: list[NDArray[np.uint8]] = []
    for row in encoded.select_columns([image]):
        source = row[image]["bytes"]
        with Image.open(BytesIO(source) if source is not None else row[image]["path"]) as picture:
            colour = picture.mode not in ("L", "1", "I", "I;16")
            pixels = np.asarray(picture.convert("RGB" if colour else "L"), dtype=np.uint8)
        pictures.append(pixels if colour else pixels[:, :, None])
        if pictures[-1].shape != pictures[0].shape:
            raise InputError(
                f"data: images of column {image!r} differ in shape: "
                f"{pictures[0].shape} and {pictures[-1].shape}"
            )
    return np.ascontiguousarray(np.stack(pictures).transpose(0, 3, 1, 2))
