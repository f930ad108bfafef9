"""What a sink of a run's figures must do."""

from __future__ import annotations

import importlib
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from experiments.config import Scalar
from experiments.rounds.row import Row
from frl.errors import InputError

_FIGURES = ("accuracy", "loss", "attack_success_rate", "train_loss", "admitted", "seconds")
_BYTES = ("bytes_up", "bytes_down", "coded_up", "coded_down")
_LAYERS = ("churn", "agreement")


class Tracker(ABC):
    """Told of a run as it goes on; its docstring's first line is what ``frl list trackers`` shows.

    A tracker that raises is left out for the rest of the run, which goes on.
    """

    @abstractmethod
    def begin(self, flat: Mapping[str, Scalar], directory: Path, first: int) -> None:
        """Begin, or carry on.

        Parameters
        ----------
        flat : mapping
            Configuration with dotted keys.
        directory : Path
            Of the run.
        first : int
            The round that is told of next; above 1 for a run that is carried on.
        """

    @abstractmethod
    def round(self, number: int, figures: Mapping[str, float]) -> None:
        """Take the figures of a round; see :func:`metrics`."""

    @abstractmethod
    def end(self, result: Mapping[str, Any] | None) -> None:
        """End with the result, or with ``None`` where the run stopped."""


def metrics(row: Row) -> dict[str, float]:
    """Return what is known of a round as numbers, layers as ``churn/NAME``."""
    known = row._asdict()
    found = {key: known[key] for key in (*_FIGURES, *_BYTES) if known[key] is not None}
    found["rejected"] = sum(row.rejected.values())
    for key in _LAYERS:
        found.update({f"{key}/{layer}": value for layer, value in (known[key] or {}).items()})
    return {key: float(value) for key, value in found.items()}


def package(module: str, extra: str) -> Any:
    """Import what a tracker needs.

    Raises
    ------
    InputError
        If it is not installed.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise InputError(
            f"--track {extra}: {error}; install it with: "
            f"pip install 'federated-rank-learning[{extra}]'"
        ) from None
