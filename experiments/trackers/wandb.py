"""Weights & Biases."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from experiments.config import Scalar
from experiments.trackers import register
from experiments.trackers.base import Tracker, package


@register("wandb")
class WeightsAndBiases(Tracker):
    """A Weights & Biases run, in the project that $WANDB_PROJECT names."""

    def __init__(self) -> None:
        self._wandb = package("wandb", "wandb")
        self._run: Any = None

    def begin(self, flat: Mapping[str, Scalar], directory: Path, first: int) -> None:
        """Start a run, or carry on the one that this directory belongs to."""
        place = hashlib.sha256(str(directory.resolve()).encode()).hexdigest()[:16]
        self._run = self._wandb.init(
            id=f"frl-{place}", resume="allow", name=str(directory), config=dict(flat)
        )

    def round(self, number: int, figures: Mapping[str, float]) -> None:
        """Add a point to every curve."""
        self._run.log(dict(figures), step=number)

    def end(self, result: Mapping[str, Any] | None) -> None:
        """End the run, with the result as its summary."""
        if result is not None:
            self._run.summary.update({"accuracy": result["accuracy"], "digest": result["digest"]})
        self._run.finish(exit_code=0 if result is not None else 1)
