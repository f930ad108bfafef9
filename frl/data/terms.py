"""What data must be like to take part in a run, told to clients that bring data of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, cast

from frl.data.dataset import DataSet

if TYPE_CHECKING:
    from flwr.app import ConfigRecord


class Terms(NamedTuple):
    """What the data set of a run says of every client's data.

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
    """

    example: tuple[int, ...]
    labels: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    augmentation: str


def terms_of(dataset: DataSet) -> Terms:
    """Return the terms that a data set sets."""
    return Terms(
        dataset.shape.example, dataset.labels, dataset.mean, dataset.std, dataset.augmentation
    )


def terms_record(terms: Terms) -> ConfigRecord:
    """Pack terms for a message."""
    from flwr.app import ConfigRecord

    return ConfigRecord(
        {
            "example": list(terms.example),
            "labels": list(terms.labels),
            "mean": list(terms.mean),
            "std": list(terms.std),
            "augmentation": terms.augmentation,
        }
    )


def terms_from(record: ConfigRecord) -> Terms:
    """Unpack terms from a message."""
    return Terms(
        tuple(cast(list[int], record["example"])),
        tuple(cast(list[str], record["labels"])),
        tuple(cast(list[float], record["mean"])),
        tuple(cast(list[float], record["std"])),
        str(record["augmentation"]),
    )
