"""FedMRN: weights that move by random noise under a mask, sent as one bit an edge."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from frl.methods import register
from frl.methods.base import Draw, Method, Space, Training

if TYPE_CHECKING:
    from torch import nn

    from frl.exchange.forms import Form
    from frl.training.ranks import Trainer

_NOT_NOISE = {
    "sign_sgd": "steps of one size are not what its noise says",
    "topk": "parts of updates that are carried over are not what its noise says",
    "sparsefed": "parts of updates that are carried over are not what its noise says",
}


@register("fedmrn")
@dataclass(frozen=True)
class MaskedRandomNoise(Method):
    """Masks of noise: clients train which parts of their random noise are their update.

    Li et al., "Masked Random Noise for Communication-Efficient Federated Learning", MM 2024,
    arXiv:2408.03220, with masks of 0 and 1. Rules and attacks see the masked noise.

    Parameters
    ----------
    width : float
        The noise is uniform in (-width, width).
    """

    width: float = 0.04

    title: ClassVar[str] = "FedMRN"
    space: ClassVar[Space] = "weights"
    learning_rate: ClassVar[float] = 0.3
    rule: ClassVar[str] = "mean"

    def form(self, draw: Draw) -> Form:
        """Return the form of masked noise."""
        from frl.exchange.forms import MaskedNoise

        return MaskedNoise(self.width)

    def refuses(self, rule: str) -> str:
        """Refuse rules whose clients would send something else."""
        return _NOT_NOISE.get(rule, "")

    def trainer(self, module: nn.Module, training: Training) -> Trainer:
        """Build a trainer of masks of noise."""
        from frl.training.one_bit.noise_masks import NoiseMaskTrainer

        return NoiseMaskTrainer(
            module,
            training.settings,
            seed=training.seed,
            width=self.width,
            weights=training.weights,
            device=training.device,
        )
