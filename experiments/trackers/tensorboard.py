"""TensorBoard."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from experiments.config import Scalar
from experiments.trackers import register
from experiments.trackers.base import Tracker, package


@register("tensorboard")
class TensorBoard(Tracker):
    """Event files in the run directory: tensorboard --logdir runs."""

    def __init__(self) -> None:
        package("tensorboard", "tensorboard")
        self._make = package("torch.utils.tensorboard", "tensorboard").SummaryWriter
        self._writer: Any = None

    def begin(self, flat: Mapping[str, Scalar], directory: Path, first: int) -> None:
        """Open the event file; rounds that will be told again are dropped."""
        purge = {"purge_step": first} if first > 1 else {}
        self._writer = self._make(log_dir=str(directory / "tensorboard"), **purge)
        lines = "\n".join(f"    {key} = {value!r}" for key, value in flat.items())
        self._writer.add_text("config", lines, 0)

    def round(self, number: int, figures: Mapping[str, float]) -> None:
        """Add a point to every curve."""
        for name, value in figures.items():
            self._writer.add_scalar(name, value, number)

    def end(self, result: Mapping[str, Any] | None) -> None:
        """Close the event file."""
        self._writer.close()
