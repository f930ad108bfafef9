"""Mimic."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from attacks import register
from attacks.base import Crafted, CraftView, Space
from attacks.geometry.informed import Informed
from attacks.geometry.weight_space import stacked


@register("mimic")
@dataclass(frozen=True)
class Mimic(Informed):
    r"""Colluders repeat one honest client, so that the others count for less.

    Threat model: colluders see honest updates; every vote they send is a genuine one, which no
    filter can tell, and on uneven data the aggregate loses the clients not copied. Formula: send
    the update ``x_i`` with the largest ``|z . (x_i - mu)|``, ``z`` the direction in which the
    clients differ most. Over rounds ``t``, ``mu`` is the running mean and
    ``z <- normalise(t/(t+1) z + 1/(t+1) sum_i (x_i - mu) (x_i - mu) . z)`` (Oja's rule).

    Parameters
    ----------
    source : {"benign", "colluders"}

    References
    ----------
    Karimireddy, He, Jaggi, "Byzantine-Robust Learning on Heterogeneous Datasets via Bucketing",
    ICLR 2022, arXiv:2006.09365.
    """

    space: ClassVar[Space] = "weights"
    formula: ClassVar[str] = "u' = x_i of largest |z . (x_i - mu)|, z the top direction of variance"
    paper: ClassVar[str] = "Karimireddy et al., ICLR 2022, arXiv:2006.09365"

    source: Literal["colluders", "benign"] = "benign"

    def craft(self, view: CraftView, count: int, rng: np.random.Generator) -> Crafted:
        """Update the direction and copy the client that is farthest along it."""
        known = self.known(view)
        rows = stacked(known)
        rounds = int(view.state["rounds"]) if view.state else 0
        direction = view.state["direction"] if view.state else _random_unit(rows.shape[1], rng)
        mean = rows.mean(axis=0)
        if view.state:
            mean = (rounds * view.state["mean"] + mean) / np.float32(rounds + 1)
        centred = rows - mean
        pull = centred.T @ (centred @ direction)
        direction = (rounds * direction + pull) / np.float32(rounds + 1)
        norm = np.linalg.norm(direction)
        if norm > 0:
            direction = direction / norm
        copied = known[int(np.argmax(np.abs(centred @ direction)))]
        state = {"direction": direction, "mean": mean, "rounds": np.asarray(rounds + 1)}
        return Crafted([copied] * count, state)


def _random_unit(d: int, rng: np.random.Generator) -> np.ndarray:
    direction = rng.standard_normal(d, dtype=np.float32)
    return direction / np.linalg.norm(direction)
