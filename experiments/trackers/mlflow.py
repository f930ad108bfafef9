"""MLflow."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from experiments.config import Scalar
from experiments.trackers import register
from experiments.trackers.base import Tracker, package

_ID = "mlflow.txt"


@register("mlflow")
class MLflow(Tracker):
    """An MLflow run, where $MLFLOW_TRACKING_URI says."""

    def __init__(self) -> None:
        self._mlflow = package("mlflow", "mlflow")

    def begin(self, flat: Mapping[str, Scalar], directory: Path, first: int) -> None:
        """Start a run, or open the one that this directory belongs to."""
        known = directory / _ID
        if first > 1 and known.is_file():
            self._mlflow.start_run(run_id=known.read_text(encoding="utf-8"))
            return
        run = self._mlflow.start_run(run_name=str(directory))
        known.write_text(run.info.run_id, encoding="utf-8")
        self._mlflow.log_params(dict(flat))

    def round(self, number: int, figures: Mapping[str, float]) -> None:
        """Add a point to every curve."""
        self._mlflow.log_metrics(dict(figures), step=number)

    def end(self, result: Mapping[str, Any] | None) -> None:
        """End the run, as finished or as killed."""
        if result is not None:
            self._mlflow.set_tag("digest", result["digest"])
        self._mlflow.end_run(status="KILLED" if result is None else "FINISHED")
