"""Accuracy steered to a target."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from attacks import register
from attacks.base import Attack, Crafted, CraftView, Knowledge, Space
from attacks.boundary import plan_crossing
from attacks.geometry.crossing import cross
from frl.errors import InputError
from frl.ranking import invert
from frl.registry.ranges import NonNegative, Share


@register("accuracy_control")
@dataclass(frozen=True)
class AccuracyControl(Attack):
    r"""Colluders hold the global accuracy at a chosen value instead of destroying it.

    Threat model: colluders share their honest rankings, know how the mask is taken, and measure
    the accuracy of the global ranking on their own data. Formula: a proportional-integral
    controller of the error ``e = accuracy - target``,
    ``strength = clip(integral + proportional_gain * e, 0, 1)`` with
    ``integral = clip(integral + integral_gain * e, 0, 1)``; they send the boundary attack with
    ``strength`` times its number of crossing edges. Strength 0 is the honest consensus, so that
    they help a network that is below the target. After the idea of controlling the accuracy by the
    gap at the mask's boundary; the controller is this project's.

    Parameters
    ----------
    target : float
        Accuracy, 0 to 1.
    proportional_gain, integral_gain : float

    References
    ----------
    "Puppeteer's attack" (ECA), WWW 2026, arXiv:2601.14687.
    """

    space: ClassVar[Space] = "ranks"
    knowledge: ClassVar[Knowledge] = Knowledge.COLLUDERS | Knowledge.ACCURACY
    formula: ClassVar[str] = "boundary attack with PI(accuracy - target) of its crossing edges"
    paper: ClassVar[str] = "after ECA, WWW 2026, arXiv:2601.14687"

    target: Share = 0.5
    proportional_gain: NonNegative = 2.0
    integral_gain: NonNegative = 0.5

    search: ClassVar[Mapping[str, tuple[Any, ...]]] = {
        "target": (0.1,),
        "proportional_gain": (),
        "integral_gain": (),
    }

    def craft(self, view: CraftView, count: int, rng: np.random.Generator) -> Crafted:
        """Send the boundary attack, weakened to the strength that the controller asks for."""
        if view.accuracy is None:
            raise InputError("attack 'accuracy_control' needs accuracy on the colluders' data")
        error = view.accuracy(view.previous) - self.target
        before = float(view.state["integral"]) if view.state else 0.0
        integral = float(np.clip(before + self.integral_gain * error, 0.0, 1.0))
        strength = float(np.clip(integral + self.proportional_gain * error, 0.0, 1.0))
        update = {}
        for name, previous in view.previous.items():
            plan = plan_crossing(
                [own[name] for own in view.own],
                previous,
                view.setting.steps(name, previous.size),
                benign=view.sampled - count,
                malicious=count,
                spread=1.0,
                rng=rng,
            )
            edges = tuple(round(strength * q) for q in plan.crossing.edges)
            update[name] = invert(cross(plan.order, plan.crossing._replace(edges=edges)))
        state = {"integral": np.float64(integral), "strength": np.float64(strength)}
        return Crafted([update] * count, {key: np.asarray(value) for key, value in state.items()})
