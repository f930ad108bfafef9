"""One target for all rounds, on rankings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np

from attacks import register
from attacks.base import Attack, Crafted, CraftView, Knowledge, Space, Update
from attacks.geometry.change_space import ChangeSpace
from attacks.geometry.one_target import Effort
from attacks.geometry.weight_space import Vector, stacked, unit, unstacked
from frl.randomness import Purpose, generator
from frl.ranking import invert
from frl.registry.ranges import Positive, PositiveCount, PositiveShare


@register("fixed_target")
@dataclass(frozen=True)
class FixedTarget(Attack):
    r"""Colluders push towards the same ranking in every round, so that rounds add up.

    Threat model: colluders see the global rankings of their rounds and their own votes, nothing of
    benign clients or the rule. Formula: ``rank(q + c_t L (T - q) / ||T - q||)``, ties by ``q``,
    with ``T`` fixed for the run and ``L`` the median length of the colluders' honest changes;
    layers are weighed as in the Spearman distance. Every ``period`` rounds ``c`` is multiplied by
    ``decay`` unless the signs of the move since agree with the target's beyond chance (99 %), but
    not below 0.5. It is PoisonedFL's consistency and its test on rankings; its random signs and its
    magnitudes by coordinate are not carried over: ranks are bounded, so once the global ranking is
    sorted by the signs a push by them has no effect.

    Parameters
    ----------
    target : {"first", "random"}
        ``T``: the ranking that the colluders saw first, so that what was learnt since is taken
        back, and beyond it where ``c`` reaches that far (in the first round the colluders' own mean
        change is taken back); or a random one.
    factor : float
        ``c`` at first, in honest lengths.
    decay : float
    period : int
        Rounds with colluders between two tests.

    References
    ----------
    Xie, Fang, Gong, "Model Poisoning Attacks to Federated Learning via Multi-Round Consistency",
    CVPR 2025, arXiv:2404.15611; the idea carried over.
    """

    space: ClassVar[Space] = "ranks"
    knowledge: ClassVar[Knowledge] = Knowledge.COLLUDERS
    formula: ClassVar[str] = "rank(q + c_t L (T - q) / ||T - q||), T fixed, L an honest length"
    paper: ClassVar[str] = "this project; after Xie, Fang, Gong, CVPR 2025, arXiv:2404.15611"

    target: Literal["first", "random"] = "first"
    factor: Positive = 8.0
    decay: PositiveShare = 0.7
    period: PositiveCount = 5

    search: ClassVar[Mapping[str, tuple[Any, ...]]] = {"factor": (1.0, 2.0, 32.0), "decay": ()}

    def _effort(self) -> Effort:
        return Effort(self.factor, self.decay, self.period)

    def craft(self, view: CraftView, count: int, rng: np.random.Generator) -> Crafted:
        """Send the same vote from every colluder."""
        changes = ChangeSpace(view.previous)
        target = view.state["target"] if view.state else self._target(view)
        rows = changes.stacked(view.own)
        away: Vector = changes.stacked([unstacked(target, view.previous)])[0]
        if not away.any():
            away = -rows.mean(axis=0)
        position = changes.position()
        anchor = view.state["anchor"] if view.state else position
        effort = self._effort().adapted(position, away + position - anchor, view.state)
        length = float(effort["factor"]) * float(np.median(np.linalg.norm(rows, axis=1)))
        vote = changes.ranking(np.float32(length) * unit(away))
        return Crafted([vote] * count, {**effort, "target": target})

    def _target(self, view: CraftView) -> Vector:
        """Positions of the target, layers one after another."""
        if self.target == "first":
            first: Vector = stacked([view.previous])[0]
            return first
        drawn: Update = {}
        for layer, (name, q) in enumerate(view.previous.items()):
            rng = generator(view.setting.seed, Purpose.CRAFT, layer=layer)
            drawn[name] = invert(rng.permutation(q.size))
        random: Vector = stacked([drawn])[0]
        return random
