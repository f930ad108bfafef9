"""Evasion: an honest length and a chosen direction, the rest of it harmful."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from annotated_types import Ge, Le

from attacks import register
from attacks.base import AttackState, Crafted, CraftView, Space, Update
from attacks.geometry.change_space import ChangeSpace
from attacks.geometry.harm import (
    across_boundary,
    fixed_noise,
    undoing,
    unlearning,
)
from attacks.geometry.informed import Informed
from attacks.geometry.weight_space import Vector, orthogonal, stacked, unit
from frl.registry.ranges import NonNegative, Share

CORRECTIONS = 3


@register("evasion")
@dataclass(frozen=True)
class Evasion(Informed):
    r"""Colluders stay just inside a filter of lengths and directions and harm with what is left.

    Threat model: colluders know their own or the benign rankings and what a filter lets through.
    Formula: with ``x_i = p_i - q``, layers weighed as in the Spearman distance, ``e`` the direction
    of their mean and ``L`` ``length`` times their median length, colluder ``j`` sends
    ``rank(q + L (c e + sqrt(1 - c^2) h_j))``, ties by ``q``, where ``c`` is ``cosine`` and ``h_j``
    of length 1 and orthogonal to ``e``: ``sqrt(1 - diversity)`` times the harmful direction and
    ``sqrt(diversity)`` times what sets colluder ``j``'s own honest change apart from ``e``. Ranking
    bends a change, so the shares of ``e`` and ``h_j`` are corrected until the vote that is sent has
    the cosine and the length asked for, as far as a ranking can.

    Parameters
    ----------
    source : {"colluders", "benign"}
    harm : {"undo", "boundary", "random", "reverse"}
        ``"undo"``: some edges, the same in every round, to the mirrored rank. ``"boundary"``: edges
        near the boundary of the mask to its other side (:mod:`attacks.geometry.harm`).
        ``"random"``: noise, fixed over rounds and of each colluder's own. ``"reverse"``: back to
        the ranking that the colluders saw first, which takes back all that was learnt since.
    cosine : float
        From -1 to 1.
    length : float
        In median honest lengths.
    diversity : float
        Share, 0 to 1, of the squared harmful length that is honest noise of each colluder's own;
        at 0 colluders are clones unless the harm is random.
    """

    space: ClassVar[Space] = "ranks"
    formula: ClassVar[str] = (
        "rank(q + L (c e + sqrt(1 - c^2) h)), e the honest direction, L an honest length, h harm"
    )
    paper: ClassVar[str] = "this project"

    harm: Literal["undo", "boundary", "random", "reverse"] = "undo"
    cosine: Annotated[float, Ge(-1), Le(1)] = 0.15
    length: NonNegative = 1.0
    diversity: Share = 0.0

    search: ClassVar[Mapping[str, tuple[Any, ...]]] = {
        "cosine": (-0.2, 0.0, 0.4, 0.7),
        "length": (0.5, 2.0, 4.0),
        "diversity": (0.3, 0.6, 0.9),
    }

    def craft(self, view: CraftView, count: int, rng: np.random.Generator) -> Crafted:
        """Give each colluder its direction, and correct it until the vote has it."""
        changes = ChangeSpace(view.previous)
        rows = changes.stacked(self.known(view))
        mean: Vector = rows.mean(axis=0)
        honest = unit(mean)
        length = self.length * float(np.median(np.linalg.norm(rows, axis=1)))
        across = float(np.sqrt(1 - self.cosine**2)) * length
        state = view.state
        if self.harm == "reverse" and not state:
            state = {"first": stacked([view.previous])[0]}
        harms = self._harms(changes, view, state, mean, across, count)
        own = changes.stacked(view.own[:count]) if self.diversity else harms
        sent: dict[int, Update] = {}
        for j in range(count):
            if j and not self.diversity and harms[j] is harms[0]:
                sent[j] = sent[0]
                continue
            harm = unit(orthogonal(harms[j], honest))
            if self.diversity:
                noise = unit(orthogonal(orthogonal(own[j], honest), harm))
                harm = np.float32(np.sqrt(1 - self.diversity)) * harm
                harm = unit(harm + np.float32(np.sqrt(self.diversity)) * noise)
            sent[j] = held(changes, honest, harm, self.cosine * length, across)
        return Crafted([sent[j] for j in range(count)], state)

    def _harms(
        self,
        changes: ChangeSpace,
        view: CraftView,
        state: AttackState,
        mean: Vector,
        across: float,
        count: int,
    ) -> Sequence[Vector]:
        """One direction for each colluder; the same object where they agree."""
        if self.harm == "random":
            return [fixed_noise(changes, view.setting.seed, j) for j in range(count)]
        if self.harm == "undo":
            return [undoing(changes, view.setting.seed, across)] * count
        if self.harm == "reverse":
            return [unlearning(changes, state["first"])] * count
        benign = max(1, view.sampled - count)
        return [across_boundary(changes, view.setting, mean, across, benign / count)] * count


def held(changes: ChangeSpace, honest: Vector, harm: Vector, along: float, across: float) -> Update:
    """Find a ranking whose change has a given part along one direction and another across it.

    Parameters
    ----------
    changes : ChangeSpace
    honest, harm : float32 arrays of shape (d,)
        Orthogonal, of length 1 or 0.
    along : float
        Length along ``honest``.
    across : float
        Length of the rest, of which as much as can be is along ``harm``.
    """
    a, b = along, across
    for _ in range(CORRECTIONS):
        reached = changes.stacked([changes.ranking(np.float32(a) * honest + np.float32(b) * harm)])
        got = float(reached[0] @ honest)
        rest = float(np.linalg.norm(orthogonal(reached[0], honest)))
        a += along - got
        b *= across / rest if rest > 0 else 1.0
    return changes.ranking(np.float32(a) * honest + np.float32(b) * harm)
