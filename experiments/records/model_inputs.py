"""What a record keeps of the inputs of a model, so that it can be used without the data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from frl.data import DataSet
from frl.models import DataShape


class ModelInputs(NamedTuple):
    """The inputs that a model was trained on.

    Attributes
    ----------
    example : list of int
        Shape of one example.
    classes : int
    mean, std : list of float
        Per channel or feature: the model takes ``(inputs - mean) / std``.
    """

    example: list[int]
    classes: int
    mean: list[float]
    std: list[float]

    @property
    def shape(self) -> DataShape:
        """Shape of one example and number of classes."""
        return DataShape(tuple(self.example), self.classes)


def inputs_of(dataset: DataSet) -> ModelInputs:
    """Return what a record keeps of a data set."""
    shape = dataset.shape
    return ModelInputs(list(shape.example), shape.classes, list(dataset.mean), list(dataset.std))


def inputs_from(about: Mapping[str, Any]) -> ModelInputs | None:
    """Read them from the facts of an identity; ``None`` in a record older than that."""
    found = about.get("inputs")
    return None if found is None else ModelInputs(**found)
