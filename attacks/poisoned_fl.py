"""PoisonedFL: one random direction, pushed in every round."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from attacks import register
from attacks.base import Attack, Crafted, CraftView, Knowledge, Space
from attacks.geometry.one_target import Effort
from attacks.geometry.weight_space import Vector, stacked, unstacked
from frl.randomness import Purpose, generator
from frl.registry.ranges import Positive, PositiveCount, PositiveShare


@register("poisoned_fl")
@dataclass(frozen=True)
class PoisonedFL(Attack):
    r"""Colluders push the weights along one random vector of signs, every round the same.

    Threat model: colluders see the global weights of their rounds and their own updates, nothing
    of benign clients or the rule. Formula: ``u' = k_t * s``, ``s`` random signs fixed for the run,
    ``k_t = c_t |g| v / |v|``, ``g`` the last move of the global weights and ``v = |g - |g| u/|u||``
    per coordinate, ``u`` the last push. Every ``period`` rounds ``c`` is multiplied by ``decay``
    unless the signs of the move since agree with ``s`` beyond chance (99 %), but not below 0.5.

    Parameters
    ----------
    factor : float
        ``c`` at first; 8 in the paper.
    decay : float
        0.7 in the paper.
    period : int
        Rounds with colluders between two tests; 50 in the paper, whose runs have thousands.

    References
    ----------
    Xie, Fang, Gong, "Model Poisoning Attacks to Federated Learning via Multi-Round Consistency",
    CVPR 2025, arXiv:2404.15611. After its description: in the first round, where no move is known
    yet, the mean of the colluders' honest updates stands in for it; the test counts coordinates
    that did not move as half an agreement.
    """

    space: ClassVar[Space] = "weights"
    knowledge: ClassVar[Knowledge] = Knowledge.COLLUDERS
    formula: ClassVar[str] = "u' = k_t * s, s fixed signs, k_t from the global model's last move"
    paper: ClassVar[str] = "after Xie, Fang, Gong, CVPR 2025, arXiv:2404.15611"

    factor: Positive = 8.0
    decay: PositiveShare = 0.7
    period: PositiveCount = 10

    search: ClassVar[Mapping[str, tuple[Any, ...]]] = {"factor": (1.0, 2.0, 32.0), "decay": ()}

    def _effort(self) -> Effort:
        return Effort(self.factor, self.decay, self.period)

    def craft(self, view: CraftView, count: int, rng: np.random.Generator) -> Crafted:
        """Send the same push from every colluder."""
        position = stacked([view.previous])[0]
        signs = random_signs(view.setting.seed, position.size)
        effort = self._effort().adapted(position, signs, view.state)
        moved: Vector = stacked(view.own).mean(axis=0)
        sent = np.zeros_like(moved)
        if view.state and (position != view.state["position"]).any():
            moved, sent = position - view.state["position"], view.state["sent"]
        push = np.float32(effort["factor"]) * magnitudes(moved, sent) * signs
        update = unstacked(push, view.own[0])
        return Crafted([update] * count, {**effort, "position": position, "sent": push})


def magnitudes(moved: Vector, sent: Vector) -> Vector:
    """Size of a push per coordinate: as long as the last move, where honest updates moved much.

    Parameters
    ----------
    moved : float32 array of shape (d,)
        Last move of the global state.
    sent : float32 array of shape (d,)
        Last push, or zeros.

    Returns
    -------
    float32 array of shape (d,)
        ``|g| v / |v|`` with ``v = |g - |g| u / |u||`` per coordinate; zeros if that is 0.
    """
    length, pushed = np.linalg.norm(moved), np.linalg.norm(sent)
    honest = moved - sent * (length / pushed) if pushed > 0 else moved
    total = np.linalg.norm(honest)
    size: Vector = np.abs(honest) * (length / total if total > 0 else np.float32(0))
    return size


def random_signs(seed: int, size: int) -> Vector:
    """Draw 1 or -1 for each coordinate from the run's seed; float32 of shape (size,)."""
    draws = generator(seed, Purpose.CRAFT).integers(0, 2, size, dtype=np.int8)
    return draws.astype(np.float32) * 2 - 1
