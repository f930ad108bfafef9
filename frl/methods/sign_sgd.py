"""signSGD with majority vote: weights that move one step a round, in the direction of most."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from frl.methods import register
from frl.methods.base import Draw, Method, Space, Training

if TYPE_CHECKING:
    from torch import nn

    from frl.exchange.forms import Form
    from frl.training.ranks import Trainer


@register("sign_sgd")
@dataclass(frozen=True)
class SignVote(Method):
    """Signs: clients send in which direction training moved each weight, the server follows most.

    Bernstein et al., "signSGD with Majority Vote is Communication Efficient and Fault Tolerant",
    ICLR 2019, arXiv:1810.05291; there the sign of a gradient, here that of local training. The step
    is a power of two, so that states are whole numbers of steps and travel as such.
    """

    title: ClassVar[str] = "signSGD"
    space: ClassVar[Space] = "weights"
    learning_rate: ClassVar[float] = 0.06
    rule: ClassVar[str] = "sign_sgd"
    rule_parameters: ClassVar[Mapping[str, Any]] = {"scale": 2.0**-9}

    def form(self, draw: Draw) -> Form:
        """Return the form of signs."""
        from frl.exchange.forms import Signs

        return Signs()

    def refuses(self, rule: str) -> str:
        """Refuse all rules but the vote."""
        return "" if rule == self.rule else "clients send signs, which only a vote turns into steps"

    def trainer(self, module: nn.Module, training: Training) -> Trainer:
        """Build a trainer of weights that moved from the first ones."""
        from frl.training.one_bit.moved_weights import MovedWeightTrainer

        return MovedWeightTrainer(
            module,
            training.settings,
            seed=training.seed,
            weights=training.weights,
            device=training.device,
        )
