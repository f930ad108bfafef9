"""The data spec of a run: what a client's own data must be like, sent along with its messages."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple, cast

from frl.data.dataset import DataSet
from frl.data.schema import for_clients
from frl.errors import InputError

if TYPE_CHECKING:
    from flwr.app import ConfigRecord


log = logging.getLogger("flwr")

UNREADABLE = "the folder cannot be read as a data set"


class OwnDataError(InputError):
    """A client's own data do not fit the run; the text tells nothing of them but that."""


@contextmanager
def said_as(words: str) -> Iterator[None]:
    """Log what is wrong with a client's own data, and tell the server no more than these words."""
    try:
        yield
    except InputError as error:
        log.error("data.path: %s", error)
        raise OwnDataError(f"data.path: {words}") from None


class DataSpec(NamedTuple):
    """Shape, classes and normalisation that the data of every client share.

    Attributes
    ----------
    example : tuple[int, ...]
        Shape of an example, ``(channels, height, width)`` or ``(features,)``.
    labels : tuple[str, ...]
        Names of the classes, in the order of their codes.
    mean, std : tuple[float, ...]
        By which inputs are normalised, per channel or feature.
    augmentation : str
        See :func:`frl.training.augmentation.augment`.
    schema : str
        Names and types of the inputs' columns and more, see :func:`frl.data.schema.for_clients`.
    """

    example: tuple[int, ...]
    labels: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    augmentation: str
    schema: str = ""


def data_spec_of(dataset: DataSet) -> DataSpec:
    """Return the data spec of a data set."""
    return DataSpec(
        dataset.shape.example,
        dataset.labels,
        dataset.mean,
        dataset.std,
        dataset.augmentation,
        for_clients(dataset.schema) if dataset.schema.columns else "",
    )


def data_spec_record(data_spec: DataSpec) -> ConfigRecord:
    """Pack a data spec for a message."""
    from flwr.app import ConfigRecord

    return ConfigRecord(
        {
            "example": list(data_spec.example),
            "labels": list(data_spec.labels),
            "mean": list(data_spec.mean),
            "std": list(data_spec.std),
            "augmentation": data_spec.augmentation,
            "schema": data_spec.schema,
        }
    )


def data_spec_from(record: ConfigRecord) -> DataSpec:
    """Unpack a data spec from a message."""
    return DataSpec(
        tuple(cast(list[int], record["example"])),
        tuple(cast(list[str], record["labels"])),
        tuple(cast(list[float], record["mean"])),
        tuple(cast(list[float], record["std"])),
        str(record["augmentation"]),
        str(record["schema"]),
    )
