"""Federated averaging: weights, sent as differences to the global ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from frl.methods import register
from frl.methods.base import Method, Space, Training

if TYPE_CHECKING:
    from torch import nn

    from frl.training.ranks import Trainer


@register("fedavg")
@dataclass(frozen=True)
class WeightAveraging(Method):
    """Weights: SGD on each client, a mean on the server or any other rule."""

    title: ClassVar[str] = "FedAvg"
    space: ClassVar[Space] = "weights"
    learning_rate: ClassVar[float] = 0.01
    rule: ClassVar[str] = "mean"

    def trainer(self, module: nn.Module, training: Training) -> Trainer:
        """Build a trainer of weights."""
        from frl.training.weights import WeightTrainer

        return WeightTrainer(
            module,
            training.settings,
            seed=training.seed,
            weights=training.weights,
            device=training.device,
        )

    def label(self, rule: str = "") -> str:
        """Return the rule alone: on weights it says all there is to say."""
        return self.title if rule in ("", self.rule) else rule
