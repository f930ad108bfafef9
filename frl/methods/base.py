"""The contract of a method: what clients train, what they send, and what suits it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from torch import nn

    from frl.exchange.forms import Form
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


class Draw(NamedTuple):
    """What a run says of how masks are drawn and coded.

    Attributes
    ----------
    shared_noise : bool
        Whether codings use that both sides know the noise of a draw.
    sample_bits : int
        Bits of the index of a block's sample; 0: every bit of a mask travels.
    block_kl : float
        Divergence of a block in bits; 0: as many as ``sample_bits``.
    """

    shared_noise: bool = False
    sample_bits: int = 0
    block_kl: float = 0.0


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
        The server's rule, where a configuration names none.
    rule_parameters : mapping of str
        Of that rule, where a configuration names neither it nor them.
    """

    title: ClassVar[str]
    space: ClassVar[Space]
    learning_rate: ClassVar[float]
    rule: ClassVar[str]
    rule_parameters: ClassVar[Mapping[str, Any]] = {}

    def form(self, draw: Draw) -> Form | None:
        """Return what clients send of an update; ``None`` where the keys of a run say so."""
        return None

    def refuses(self, rule: str) -> str:
        """Say why a rule on its space cannot work on what it sends; empty where it can."""
        return ""

    @abstractmethod
    def trainer(self, module: nn.Module, training: Training) -> Trainer:
        """Build what trains a plain module, on a worker and on the server.

        Its ``initial`` state is what round 1 begins with. Where several clients can train as one
        batch, the module of the trainer says how in :data:`frl.cohort.stack.STACKS`.
        """

    def label(self, rule: str = "") -> str:
        """Return what a run with this rule is called; empty for the method's own rule."""
        return self.title if rule in ("", self.rule) else f"{self.title} {rule}"
