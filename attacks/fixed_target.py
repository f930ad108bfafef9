"""One target for all rounds, on rankings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from attacks import register
from attacks.base import Attack, Crafted, CraftView, Knowledge, Setting, Space
from attacks.geometry.change_space import ChangeSpace
from attacks.geometry.one_target import Magnitude, next_push
from attacks.geometry.weight_space import Vector, stacked
from attacks.poisoned_fl import random_signs
from frl.ranking import Positions, rank, top_mask, unrank


@register("fixed_target")
@dataclass(frozen=True)
class FixedTarget(Attack):
    r"""Colluders push the same edges up and the same edges down in every round.

    Threat model: colluders see the global rankings of their rounds and their own votes, nothing of
    benign clients or the rule. Formula: ``rank(q + k_t * s)``, ties by ``q``, where ``s`` holds a
    sign for each edge, fixed for the run, and ``k_t = c_t |g| v / |v|`` with ``g`` the last move of
    the global ranking and ``v = |g - |g| u / |u||`` per edge, ``u`` what the last vote changed;
    layers are weighed as in the Spearman distance. Every ``period`` rounds ``c`` is multiplied by
    ``decay`` unless the signs of the move since agree with ``s`` beyond chance (99 %), but not
    below 0.5. This is PoisonedFL on changes of rankings.

    Parameters
    ----------
    target : {"random", "first_mask"}
        ``s``: random; or -1 for the edges of the mask that the colluders saw first and 1 for the
        others, so that the two trade places.
    shape : {"moved", "level"}
        ``v`` as above, or every edge of a layer by the same number of ranks.
    factor : float
        ``c`` at first.
    decay : float
    period : int
        Rounds with colluders between two tests.

    References
    ----------
    Xie, Fang, Gong, "Model Poisoning Attacks to Federated Learning via Multi-Round Consistency",
    CVPR 2025, arXiv:2404.15611; carried over.
    """

    space: ClassVar[Space] = "ranks"
    knowledge: ClassVar[Knowledge] = Knowledge.COLLUDERS
    formula: ClassVar[str] = "rank(q + k_t * s), s fixed signs, k_t from the last move of q"
    paper: ClassVar[str] = "after Xie, Fang, Gong, CVPR 2025, arXiv:2404.15611"

    target: Literal["random", "first_mask"] = "random"
    shape: Literal["moved", "level"] = "moved"
    factor: float = 8.0
    decay: float = 0.7
    period: int = 5

    def __post_init__(self) -> None:
        self._magnitude().check("fixed_target")

    def _magnitude(self) -> Magnitude:
        return Magnitude(self.factor, self.decay, self.period)

    def craft(self, view: CraftView, count: int, rng: np.random.Generator) -> Crafted:
        """Send the same vote from every colluder."""
        changes = ChangeSpace(view.previous)
        zero = {name: np.zeros(q.size, np.int32) for name, q in view.previous.items()}
        position = -changes.stacked([zero])[0]
        honest: Vector = changes.stacked(view.own).mean(axis=0)
        signs = view.state["signs"] if view.state else self._signs(view)
        push = next_push(position, signs.astype(np.float32), honest, view.state, self._magnitude())
        change = _levelled(changes, push.change) if self.shape == "level" else push.change
        vote = changes.ranking(change)
        sent = changes.stacked([vote])[0]
        return Crafted([vote] * count, {**push.state, "sent": sent, "signs": signs})

    def _signs(self, view: CraftView) -> NDArray[np.int8]:
        if self.target == "random":
            size = sum(q.size for q in view.previous.values())
            return random_signs(view.setting.seed, size).astype(np.int8)
        inside = {
            name: np.where(_mask(view.setting, name, q), -1, 1) for name, q in view.previous.items()
        }
        return stacked([inside])[0].astype(np.int8)


def _mask(setting: Setting, layer: str, positions: Positions) -> NDArray[np.bool_]:
    if setting.mask_by == "score":
        return top_mask(positions, setting.keep)
    size = np.abs(unrank(positions, setting.sorted_scores[layer]))
    return top_mask(rank(size), setting.keep)


def _levelled(changes: ChangeSpace, push: Vector) -> Vector:
    """Spread the length of a push evenly over layers and edges; its signs stay."""
    edges = {
        name: np.full(q.size, changes.scale(name) * np.float32(q.size))
        for name, q in changes.previous.items()
    }
    level = stacked([edges])[0] * np.sign(push)
    total = np.linalg.norm(level)
    return level * (np.linalg.norm(push) / total) if total > 0 else push
