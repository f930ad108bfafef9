"""Memory evasion: near what was learnt before, against what is learnt now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated, Any, ClassVar

import numpy as np
from annotated_types import Ge, Le

from attacks import register
from attacks.base import Crafted, CraftView, Space, Update
from attacks.geometry.change_space import ChangeSpace
from attacks.geometry.informed import Informed
from attacks.geometry.weight_space import Vector, orthogonal, unit
from frl.registry.ranges import Decay, NonNegative, Share


@register("memory_evasion")
@dataclass(frozen=True)
class MemoryEvasion(Informed):
    r"""Colluders agree with a rule's memory of past rounds and oppose the round, each its own way.

    Threat model: colluders know their own or the benign rankings, all past global rankings, and
    that the rule remembers how they moved, as ``change_vote`` does. Formula: let ``x_i = p_i - q``,
    layers weighed as in the Spearman distance, all without their part along ``q`` (which moves no
    edge past another), ``m`` the mean of the known ``x_i``, ``e`` the direction of ``m`` plus the
    decayed sum of how the global ranking moved, and ``h`` that of ``-m`` orthogonal to ``e``. Then
    colluder ``j`` sends ``rank(q + L (sqrt(1 - d) (c e + sqrt(1 - c^2) h) + sqrt(d) z_j))``, ties
    by ``q``, with ``L`` ``length`` times the known median length and ``z_j`` noise of length 1;
    with ``layerwise`` in each layer by itself, as a rule that judges layers one by one sees it.

    Parameters
    ----------
    source : {"colluders", "benign"}
    cosine : float
        ``c``, from -1 to 1: with what is thought to be remembered.
    diversity : float
        ``d``, 0 to 1: two colluders' changes have a cosine of ``1 - d`` before they are ranked.
    length : float
        In median known lengths.
    memory : float
        Share of the memory that is thought to outlast a round.
    layerwise : bool
        Directions and lengths of each layer instead of all layers together.
    """

    space: ClassVar[Space] = "ranks"
    formula: ClassVar[str] = (
        "rank(q + L (sqrt(1-d) (c e + sqrt(1-c^2) h) + sqrt(d) z)), e what is remembered, h against"
    )
    paper: ClassVar[str] = "this project"

    cosine: Annotated[float, Ge(-1), Le(1)] = 0.2
    diversity: Share = 0.6
    length: NonNegative = 1.0
    memory: Decay = 0.8
    layerwise: bool = False

    search: ClassVar[Mapping[str, tuple[Any, ...]]] = {
        "cosine": (-0.2, 0.0, 0.4, 0.7),
        "diversity": (0.0, 0.3, 0.9),
        "length": (0.5, 2.0),
        "memory": (0.5, 0.95),
    }

    def craft(self, view: CraftView, count: int, rng: np.random.Generator) -> Crafted:
        """Give each colluder the same direction and noise of its own."""
        changes = ChangeSpace(view.previous)
        position = changes.position()
        rows = changes.stacked(self.known(view))
        state = {"position": position, "moved": np.zeros_like(position)}
        spans = self._spans(view.previous)
        common: Vector = np.empty_like(position)
        lengths = []
        for span in spans:
            along = unit(position[span] - position[span].mean())
            if view.state:
                moved = orthogonal(position[span] - view.state["position"][span], along)
                state["moved"][span] = np.float32(self.memory) * view.state["moved"][span] + moved
            mean = orthogonal(rows[:, span].mean(axis=0), along)
            common[span] = self._direction(mean, unit(mean + state["moved"][span]))
            lengths.append(self.length * float(np.median(np.linalg.norm(rows[:, span], axis=1))))
        share, own = np.sqrt(1 - self.diversity), np.sqrt(self.diversity)
        sent = []
        for _ in range(count):
            change: Vector = rng.standard_normal(position.size, dtype=np.float32)
            for span, length in zip(spans, lengths, strict=True):
                noise = unit(change[span])
                change[span] = np.float32(length) * (np.float32(share) * common[span] + own * noise)
            sent.append(changes.ranking(change))
        return Crafted(sent, state)

    def _spans(self, previous: Update) -> list[slice]:
        """Slices of the vector in which directions and lengths are taken."""
        if not self.layerwise:
            return [slice(None)]
        ends = np.cumsum([ranks.size for ranks in previous.values()]).tolist()
        return [slice(start, stop) for start, stop in pairwise([0, *ends])]

    def _direction(self, mean: Vector, near: Vector) -> Vector:
        against = unit(orthogonal(-mean, near))
        direction: Vector = (
            np.float32(self.cosine) * near + np.float32(np.sqrt(1 - self.cosine**2)) * against
        )
        return direction
