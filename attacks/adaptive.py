"""Search against the server's rule."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from attacks import register
from attacks.base import Crafted, CraftView, Knowledge, Space, Update
from attacks.boundary import Plan, plan_crossing
from attacks.geometry.consensus import ascending
from attacks.geometry.crossing import Crossing, cross, reach
from attacks.geometry.informed import Informed
from frl.errors import InputError
from frl.mask import MaskSteps
from frl.ranking import Positions, invert
from frl.registry.ranges import Positive, PositiveCount


class Candidate(NamedTuple):
    """One member of the family searched.

    Attributes
    ----------
    window : float
        How many edges cross the boundary: none at 0, as many as in the boundary attack at 0.5, all
        that can at 1.
    mix : float
        Weight, 0 to 1, of the crossing ranking against the honest consensus.
    nearest : float
        At least one half: the nearest edges get the largest lift.
    """

    window: float
    mix: float
    nearest: float


BOUNDARY, REVERSAL = Candidate(0.5, 1, 0), Candidate(1, 1, 0)
FIRST = (BOUNDARY, Candidate(0.5, 1, 1), REVERSAL, Candidate(0.5, 0.7, 0))


@register("adaptive")
@dataclass(frozen=True)
class Adaptive(Informed):
    """Colluders search a family of rankings for the one that moves the rule's mask the most.

    Threat model: colluders share their honest rankings, or see the benign ones, and can run the
    server's rule. Formula: over the number of edges that cross the boundary, the mix with the
    honest consensus (which hides from filters) and the order of the lift, maximise the number of
    edges that differ between the mask of ``rule(benign + crafted)`` and of ``rule(benign)``. Benign
    votes that are not known are stood in for by the known ones, repeated. The boundary attack and,
    where the mask has one boundary in the middle, rank reversal are tried first, so against the
    votes it assumes this is no weaker; in later rounds the last round's best is tried before them.
    The other queries are random steps from the best so far.

    Costs ``queries + 1`` runs of the rule on a full round each round.

    Parameters
    ----------
    source : {"colluders", "benign"}
    queries : int
        Candidates tried in a round.
    step : float
        Standard deviation of a random step.
    """

    knowledge: ClassVar[Knowledge] = Informed.knowledge | Knowledge.RULE
    space: ClassVar[Space] = "ranks"
    formula: ClassVar[str] = "argmax over (window, mix, nearest) of mask flips under the rule"
    paper: ClassVar[str] = "this project"

    queries: PositiveCount = 12
    step: Positive = 0.2

    search: ClassVar[Mapping[str, tuple[Any, ...]]] = {"step": (0.5,)}

    def craft(self, view: CraftView, count: int, rng: np.random.Generator) -> Crafted:
        """Send the best candidate found."""
        if view.rule is None:
            raise InputError("attack 'adaptive' needs the server's rule")
        known = self.known(view)
        expected = max(1, view.sampled - count)
        benign = known if known is view.benign else [known[i % len(known)] for i in range(expected)]
        family = _Family(view, known, count, rng)
        clean = family.mask(view.rule(benign))
        best, most = _first(view)[0], -1
        for query in range(self.queries):
            trial = _first(view)[query] if query < len(_first(view)) else self._near(best, rng)
            crafted = family.ranking(trial)
            attacked = family.mask(view.rule([*benign, *[crafted] * count]))
            flips = sum(int((clean[name] != attacked[name]).sum()) for name in clean)
            if flips > most:
                best, most, update = trial, flips, crafted
        return Crafted([update] * count, {"best": np.array(best)})

    def _near(self, best: Candidate, rng: np.random.Generator) -> Candidate:
        return Candidate(*np.clip(best + rng.normal(0, self.step, 3), 0, 1).tolist())


def _first(view: CraftView) -> tuple[Candidate, ...]:
    if not view.state:
        return FIRST
    return (Candidate(*view.state["best"].tolist()), *FIRST)


class _Family:
    """Rankings by candidate, from one boundary attack per layer."""

    def __init__(
        self, view: CraftView, known: Sequence[Update], count: int, rng: np.random.Generator
    ) -> None:
        exact = known is view.benign
        self._steps: dict[str, MaskSteps] = {}
        self._plans: dict[str, Plan] = {}
        for name, previous in view.previous.items():
            self._steps[name] = view.setting.steps(name, previous.size)
            self._plans[name] = plan_crossing(
                [vote[name] for vote in known],
                previous,
                self._steps[name],
                benign=len(known) if exact else view.sampled - count,
                malicious=count,
                spread=0.0 if exact else 1.0,
                rng=rng,
            )

    def ranking(self, candidate: Candidate) -> Update:
        return {name: self._layer(name, candidate) for name in self._plans}

    def _layer(self, name: str, candidate: Candidate) -> Positions:
        order, planned = self._plans[name]
        share = min(1.0, 2 * candidate.window)
        beyond = max(0.0, 2 * candidate.window - 1)
        edges = tuple(
            round(share * q + beyond * (most - q))
            for q, most in zip(planned.edges, reach(planned.at, order.size), strict=True)
        )
        crossed = invert(cross(order, Crossing(planned.at, edges, candidate.nearest >= 0.5)))
        if candidate.mix == 1:
            return crossed
        honest = invert(order)
        weight = round(candidate.mix * 256)
        blend = crossed.astype(np.int64) * weight + honest.astype(np.int64) * (256 - weight)
        return invert(ascending(blend, honest))

    def mask(self, ranking: Update) -> dict[str, NDArray[np.int64]]:
        """Return the coats of every edge."""
        return {name: steps.of(ranking[name]) for name, steps in self._steps.items()}
