"""A data set in memory: arrays of examples and labels, and how a model takes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from frl.data.fingerprint import fingerprint_of
from frl.data.schema import Schema
from frl.models.shape import DataShape

if TYPE_CHECKING:
    from torch import Tensor

Columns: TypeAlias = dict[str, NDArray[np.int32]]
"""Other columns of the training examples, each coded ``0 .. distinct - 1``."""


class Split(NamedTuple):
    """Examples and labels of one split.

    Attributes
    ----------
    inputs : array
        (n, channels, height, width) uint8, (n, features) float32 or float64, or codes of text,
        (n, length) int16.
    labels : int64 array of shape (n,)
    """

    inputs: NDArray[Any]
    labels: NDArray[np.int64]


@dataclass(frozen=True)
class DataSet:
    """Training and test examples; usually memory-mapped, so that processes share one copy.

    Attributes
    ----------
    name : str
    train, test : Split
    classes : int
    mean, std : tuple[float, ...]
        Of the training inputs, per channel or feature.
    augmentation : str
        What suits its training images; see :func:`frl.training.augmentation.augment`.
    columns : Columns
        By which a natural partition can be made.
    labels : tuple[str, ...]
        Names of the classes, in the order of their codes.
    schema : Schema
        What was found where they were read; empty for arrays.
    """

    name: str
    train: Split
    test: Split
    classes: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    augmentation: str = "none"
    columns: Columns = field(default_factory=dict)
    labels: tuple[str, ...] = ()
    schema: Schema = field(default_factory=Schema)

    @property
    def shape(self) -> DataShape:
        """Shape of one example and number of classes."""
        codes = 0 if self.train.inputs.dtype.kind == "f" else self.schema.codes or None
        return DataShape(tuple(self.train.inputs.shape[1:]), self.classes, codes)

    @cached_property
    def fingerprint(self) -> str:
        """What is the same for equal data and no other: :func:`fingerprint_of`, kept by the cache.

        A changed copy works out its own.
        """
        return fingerprint_of(self)

    def tensors(self, split: Split, device: str = "cpu") -> tuple[Tensor, Tensor]:
        """Return examples as a model takes them: normalised float32 inputs and int64 labels.

        Parameters
        ----------
        split : Split
            Examples of this data set, or changed copies of some.
        device : str
        """
        import torch

        labels = torch.from_numpy(np.array(split.labels, dtype=np.int64)).to(device)
        if split.inputs.dtype == np.float64:
            values = standardised(split.inputs, self.mean, self.std)
            return torch.from_numpy(values).to(device), labels
        inputs = torch.from_numpy(np.array(split.inputs)).to(device).float()
        spread = (1, -1, *(1,) * (inputs.dim() - 2))
        mean = torch.tensor(self.mean, device=device).view(spread)
        std = torch.tensor(self.std, device=device).view(spread)
        return inputs.sub_(mean).div_(std), labels


def spread_of(
    inputs: NDArray[Any], indicators: Sequence[int] = ()
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation per channel (images) or feature (tables); a constant has std 1.

    Images are summed as integers, so the result does not depend on the order of summation. Features
    are scaled before they are squared, so that neither tiny nor huge ones leave float64. Indicators
    (places of features that are 0 or 1) and codes of text are not standardised: mean 0, std 1.
    """
    if inputs.dtype == np.uint8:
        values = np.arange(256, dtype=np.float64)
        counts = [
            np.bincount(inputs[:, channel].reshape(-1), minlength=256)
            for channel in range(inputs.shape[1])
        ]
        means = [float(values @ count / max(count.sum(), 1)) for count in counts]
        variances = [
            float((values - mean) ** 2 @ count / max(count.sum(), 1))
            for mean, count in zip(means, counts, strict=True)
        ]
    elif inputs.dtype == np.int16:
        return (0.0,), (1.0,)
    elif inputs.dtype == np.float64:
        return _spread_of_features(inputs, frozenset(indicators))
    else:
        means = [float(mean) for mean in inputs.mean(axis=0, dtype=np.float64)]
        variances = [float(variance) for variance in inputs.var(axis=0, dtype=np.float64)]
    return tuple(means), tuple(variance**0.5 or 1.0 for variance in variances)


def standardised(
    values: NDArray[Any], mean: tuple[float, ...], std: tuple[float, ...]
) -> NDArray[np.float32]:
    """Subtract the mean and divide by the standard deviation in float64, then round to float32."""
    with np.errstate(over="ignore"):
        scaled = (np.asarray(values, dtype=np.float64) - np.array(mean)) / np.array(std)
        return np.asarray(scaled, dtype=np.float32)


def _spread_of_features(
    features: NDArray[np.float64], indicators: frozenset[int]
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    means, stds = [], []
    for place in range(features.shape[1]):
        if place in indicators:
            means.append(0.0)
            stds.append(1.0)
            continue
        column = np.array(features[:, place])
        low, high = float(column.min()), float(column.max())
        mean = low if low == high else float(column.mean())
        widest = max(high - mean, mean - low)
        deviations = (column - mean) / (widest or 1.0)
        means.append(mean)
        stds.append(widest * float(np.sqrt(np.mean(deviations**2))) or 1.0)
    return tuple(means), tuple(stds)
