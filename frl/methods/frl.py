"""Federated Rank Learning: a mask over fixed random weights, sent as a ranking of its edges."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from frl.methods import register
from frl.methods.base import Method, Space, Training

if TYPE_CHECKING:
    from torch import nn

    from frl.training.ranks import Trainer


@register("frl")
@dataclass(frozen=True)
class RankLearning(Method):
    """Rankings: edge-popup on fixed random weights, a vote on the server.

    The published vote is the rule ``sum``; the rule where none is named is the one that stands the
    attacks which fell it (docs/change_vote.md).
    """

    title: ClassVar[str] = "FRL"
    space: ClassVar[Space] = "ranks"
    learning_rate: ClassVar[float] = 0.4
    rule: ClassVar[str] = "change_vote"

    def trainer(self, module: nn.Module, training: Training) -> Trainer:
        """Build a trainer of scores."""
        from frl.training.ranks import RankTrainer

        return RankTrainer(
            module,
            training.settings,
            seed=training.seed,
            keep=training.keep,
            mask_by=training.mask_by,
            coats=training.coats,
            binarised=training.binarised,
            weights=training.weights,
            device=training.device,
        )

    def label(self, rule: str = "") -> str:
        """Return which vote it is too: the published one and the method's own differ."""
        return f"{self.title} {rule or self.rule}"
