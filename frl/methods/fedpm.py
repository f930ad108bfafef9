"""FedPM: a stochastic mask over fixed random weights, sent as one drawn bit an edge."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from frl.methods import register
from frl.methods.base import Draw, Method, Space, Training

if TYPE_CHECKING:
    from torch import nn

    from frl.exchange.forms import Form
    from frl.training.ranks import Trainer

_NO_SHARE = {
    "sign_sgd": "steps of one size estimate no share of ones",
    "topk": "parts of updates that are carried over estimate no share of ones",
    "sparsefed": "parts of updates that are carried over estimate no share of ones",
}


@register("fedpm")
@dataclass(frozen=True)
class ProbabilisticMask(Method):
    """Probabilities of a mask: clients train and draw from them, the server counts the bits.

    Isik et al., "Sparse Random Networks for Communication-Efficient Federated Learning", ICLR 2023,
    arXiv:2209.15328. Rules and attacks see the differences of bits to the global probabilities.
    """

    title: ClassVar[str] = "FedPM"
    space: ClassVar[Space] = "weights"
    learning_rate: ClassVar[float] = 300.0
    rule: ClassVar[str] = "mean"

    def form(self, draw: Draw) -> Form:
        """Return the form of drawn bits, or of samples of blocks (KLMS, Isik et al., 2024)."""
        from frl.exchange.forms import Bits, BlockSamples

        if draw.sample_bits:
            return BlockSamples(draw.sample_bits, draw.block_kl or float(draw.sample_bits))
        return Bits(draw.shared_noise)

    def refuses(self, rule: str) -> str:
        """Refuse rules that estimate no share of ones."""
        return _NO_SHARE.get(rule, "")

    def trainer(self, module: nn.Module, training: Training) -> Trainer:
        """Build a trainer of probabilities."""
        from frl.training.one_bit.probabilities import ProbabilityTrainer

        return ProbabilityTrainer(
            module, training.settings, seed=training.seed, device=training.device
        )
