"""The contract of an attack.

An attack is a frozen dataclass of its parameters, registered by name. It declares what it sees
(:class:`Knowledge`), and the grid that hides it hands it no more than that. It has three hooks, all
optional: :meth:`Attack.poison` on a client's data, :meth:`Attack.tamper` on a client's own update,
and :meth:`Attack.craft` for colluding clients. An attack that plants a backdoor is a
:class:`Backdoor` too, so that its success can be measured.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Flag, auto
from typing import Any, ClassVar, Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from frl.arrays import Arrays
from frl.errors import InputError
from frl.mask import Boundaries, MaskSteps, mask_steps
from frl.methods.base import KEEP

Space: TypeAlias = Literal["ranks", "weights", "data"]
Update: TypeAlias = Arrays
"""Per layer: int32 positions of shape (n,) in rank space, float32 differences in weight space."""
AttackState: TypeAlias = dict[str, NDArray[Any]]
"""State of an attack between rounds; arrays, so that a checkpoint can hold it."""
RuleCall: TypeAlias = Callable[[Sequence[Update]], Update]
"""The server's rule as a function: what the global state becomes (ranks) or moves by (weights)."""
AccuracyCall: TypeAlias = Callable[[Update], float]
"""Accuracy, 0 to 1, of a global state on the colluders' own data."""


class Knowledge(Flag):
    """Knowledge of an attacker. ``OWN`` (its data, its update, the global state) is always there.

    ``COLLUDERS``: the honest updates of all colluders. ``BENIGN``: this round's benign updates.
    ``RULE``: the server's rule, to query. ``ACCURACY``: accuracy of any global state on the
    colluders' own data.
    """

    OWN = auto()
    COLLUDERS = auto()
    BENIGN = auto()
    RULE = auto()
    ACCURACY = auto()


@dataclass(frozen=True)
class Setting:
    """The settings of a run that every client knows, malicious or not.

    Attributes
    ----------
    seed, round, clients_per_round : int
        Of the run.
    classes : int
        Number of classes of the data.
    keep : float
        Share of edges a mask keeps.
    mask_by : {"score", "abs"}
        How the mask is taken from a ranking.
    coats : int
        Nested masks of one ranking.
    sorted_scores : mapping of layer to float32 array
        The scores that ranks stand for, ascending (rank space only; empty otherwise).
    """

    seed: int
    round: int
    clients_per_round: int
    classes: int
    keep: float = KEEP
    mask_by: str = "score"
    coats: int = 1
    sorted_scores: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)

    def boundaries(self, layer: str, n: int) -> Boundaries:
        """Ranks at which an edge of a layer of ``n`` gets or loses a coat, ascending."""
        return self.steps(layer, n).at

    def steps(self, layer: str, n: int) -> MaskSteps:
        """Coats of the edges of a layer of ``n``, by rank."""
        return self._steps(layer, n, self.coats)

    def mask_bounds(self, layer: str, n: int) -> Boundaries:
        """Ranks at which an edge of a layer of ``n`` enters or leaves the mask, ascending.

        The mask is the widest coat.
        """
        return self._steps(layer, n, 1).at

    def _steps(self, layer: str, n: int, coats: int) -> MaskSteps:
        scores = self.sorted_scores.get(layer)
        if self.mask_by == "abs" and scores is None:
            raise InputError(f"mask_by 'abs' needs the sorted scores of layer {layer!r}")
        return mask_steps(n, self.keep, self.mask_by, scores, coats)


@dataclass(frozen=True)
class PoisonView:
    """The view of one malicious client that poisons its shard."""

    setting: Setting
    client: int


@dataclass(frozen=True)
class TamperView:
    """The view of one malicious client that changes its own update."""

    setting: Setting
    client: int
    previous: Update


@dataclass(frozen=True)
class CraftView:
    """The view of colluders that agree on their replies.

    Attributes
    ----------
    setting : Setting
    previous : Update
        The global state the round began with.
    own : sequence of Update
        Honest updates of the colluders, at least one. The first ``count`` belong to the clients
        that will reply, in client-id order; then come colluders who were not sampled.
    benign : sequence of Update or None
        Updates of this round's benign clients; ``None`` unless the attack declares ``BENIGN``.
    rule : RuleCall or None
        The server's rule; ``None`` unless the attack declares ``RULE``.
    accuracy : AccuracyCall or None
        Accuracy on the colluders' data; ``None`` unless the attack declares ``ACCURACY``.
    sampled : int
        Number of clients sampled this round, malicious ones included.
    state : AttackState
        What :meth:`Attack.craft` returned last time; empty at first.
    """

    setting: Setting
    previous: Update
    own: Sequence[Update]
    sampled: int
    benign: Sequence[Update] | None = None
    rule: RuleCall | None = None
    accuracy: AccuracyCall | None = None
    state: AttackState = field(default_factory=dict)


class Crafted(NamedTuple):
    """The updates that colluders send, one for each, and the state they keep."""

    updates: Sequence[Update]
    state: AttackState


class Attack:
    """An attack; override the hooks it needs.

    Class attributes feed ``frl list attacks`` and the table in the docs.

    Attributes
    ----------
    space : {"ranks", "weights", "data"}
        What it poisons.
    knowledge : Knowledge
        The most it can ask to see, whatever its parameters.
    formula : str
        The attack in one line.
    paper : str
        Authors, year, and an identifier; or ``"this project"``.
    search : mapping of parameter name to tuple
        Values that an attacker with tries to spare gives to a parameter, besides its default.
    """

    space: ClassVar[Space]
    knowledge: ClassVar[Knowledge] = Knowledge.OWN
    formula: ClassVar[str]
    paper: ClassVar[str]
    search: ClassVar[Mapping[str, tuple[Any, ...]]] = {}

    def __post_init__(self) -> None:
        """Refuse a parameter outside the range that its annotation declares."""
        from attacks import registry  # which imports this module

        registry.check_made(self)

    def needs(self) -> Knowledge:
        """Return what it needs to see with its parameters; the grid gives no more."""
        return self.knowledge

    def poison(
        self,
        images: NDArray[Any],
        labels: NDArray[np.int64],
        view: PoisonView,
        rng: np.random.Generator,
    ) -> tuple[NDArray[Any], NDArray[np.int64]]:
        """Change a malicious client's shard before it trains; must not modify its arguments.

        Parameters
        ----------
        images : array of shape (m, channels, height, width) uint8, or (m, features) float32
        labels : int64 array of shape (m,)
        view : PoisonView
        rng : numpy Generator
            Keyed by (seed, client): a client poisons the same way in every round.

        Raises
        ------
        InputError
            If the attack does not fit the data, such as an image trigger on a table.
        """
        return images, labels

    def tamper(self, update: Update, view: TamperView, rng: np.random.Generator) -> Update:
        """Change a malicious client's own update; must not modify its arguments."""
        return update

    def craft(self, view: CraftView, count: int, rng: np.random.Generator) -> Crafted:
        """Agree on the replies of ``count`` malicious clients that were sampled this round."""
        raise NotImplementedError


class Backdoor(ABC):
    """An attack that plants a trigger; lets an evaluator measure whether the trigger works."""

    @property
    @abstractmethod
    def target(self) -> int:
        """Class that triggered samples are meant to be taken for."""

    @abstractmethod
    def stamp(self, images: NDArray[Any]) -> NDArray[Any]:
        """Return the samples with the trigger; the argument is not modified."""

    def victims(self, images: NDArray[Any], labels: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Mark the clean samples on which success is counted: by default all not of the target."""
        others: NDArray[np.bool_] = labels != self.target
        return others


def crafts(attack: Attack) -> bool:
    """Whether an attack has the colluders' hook."""
    return type(attack).craft is not Attack.craft


def poisons(attack: Attack) -> bool:
    """Whether an attack has the hook on a client's data."""
    return type(attack).poison is not Attack.poison


def tampers(attack: Attack) -> bool:
    """Whether an attack has the hook on a client's own update."""
    return type(attack).tamper is not Attack.tamper
