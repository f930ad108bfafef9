"""The contract of a method: what clients train, what they send, and what suits it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar, Literal, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from torch import nn

    from frl.training.masked_weight import MaskBy
    from frl.training.ranks import Trainer
    from frl.training.settings import TrainSettings

Space: TypeAlias = Literal["ranks", "weights"]
KEEP = 0.5
"""Share of edges in a mask where nothing else is said."""


class Training(NamedTuple):
    """The settings of a run that a trainer needs.

    Attributes
    ----------
    settings : TrainSettings
    seed : int
    keep : float
        Share of edges in the mask, for methods that have one.
    mask_by : {"score", "abs"}
    coats : int
        Nested top sets of the ranking; a weight counts once for each that its edge is in.
    binarised : bool
        Whether all kept weights of a layer have one size.
    weights : str
        Safetensors file of weights in place of drawn ones; empty: none.
    device : str
    """

    settings: TrainSettings
    seed: int
    keep: float = KEEP
    mask_by: MaskBy = "score"
    coats: int = 1
    binarised: bool = False
    weights: str = ""
    device: str = "cpu"


class Method(ABC):
    """A way to train and to send; an entry is a frozen dataclass of its parameters, mostly none.

    Attributes
    ----------
    title : str
        What tables and pictures call it.
    space : {"ranks", "weights"}
        What travels: rankings, or weights down and differences of weights up. It decides which
        rules, attacks, forms and codings fit.
    learning_rate : float
        Of round 1, where a configuration names none.
    rule : str
        Name of the server's rule, where a configuration names none.
    """

    title: ClassVar[str]
    space: ClassVar[Space]
    learning_rate: ClassVar[float]
    rule: ClassVar[str]

    @abstractmethod
    def trainer(self, module: nn.Module, training: Training) -> Trainer:
        """Build what trains a plain module, on a worker and on the server.

        Its ``initial`` state is what round 1 begins with. Where several clients can train as one
        batch, the module of the trainer says how in :data:`frl.cohort.stack.STACKS`.
        """

    def label(self, rule: str = "") -> str:
        """Return what a run with this rule is called; empty for the method's own rule."""
        return self.title if rule in ("", self.rule) else f"{self.title} {rule}"
