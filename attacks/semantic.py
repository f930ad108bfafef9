"""Semantic backdoor: a natural property as the trigger."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from attacks import register
from attacks.adversary.checks import require
from attacks.adversary.poisoned_share import chosen_samples
from attacks.base import Attack, Backdoor, PoisonView, Space
from frl.errors import InputError
from frl.registry.ranges import Count, Finite, Share


@register("semantic")
@dataclass(frozen=True)
class Semantic(Attack, Backdoor):
    """A client relabels the samples that have a property of their own; nothing is stamped.

    Threat model: malicious clients follow the protocol on relabelled data; the trigger needs no
    change of the input. Formula: a share of the samples of class ``source``, or in tables of those
    with ``samples[:, column] > above``, gets the label ``target``.

    Parameters
    ----------
    source, target : int
        Classes. ``source`` does not apply with ``column``.
    column : int or None
        Feature of a table that is the trigger instead of a class.
    above : float
    share : float
        Of the samples with the property, rounded to whole ones.

    References
    ----------
    Bagdasaryan et al., "How To Backdoor Federated Learning", AISTATS 2020, arXiv:1807.00459; edge
    cases: Wang et al., "Attack of the Tails", NeurIPS 2020, arXiv:2007.05084.
    """

    space: ClassVar[Space] = "data"
    formula: ClassVar[str] = "samples of class source, or with column > above, get label target"
    paper: ClassVar[str] = "Bagdasaryan et al., AISTATS 2020, arXiv:1807.00459"

    source: Count = 7
    target: Count = 1
    column: int | None = None
    above: Finite = 0.0
    share: Share = 1.0

    search: ClassVar[Mapping[str, tuple[Any, ...]]] = {"share": ()}

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.column is None:
            takes = "a class other than the source"
            require(self.source != self.target, "semantic", "target", self.target, takes)

    def stamp(self, images: NDArray[Any]) -> NDArray[Any]:
        """Return a copy: the trigger is in the samples already."""
        return images.copy()

    def victims(self, images: NDArray[Any], labels: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Mark the samples with the property that are not of the target class."""
        if self.column is None:
            return np.equal(labels, self.source)
        if images.ndim != 2 or not 0 <= self.column < images.shape[1]:
            raise InputError(
                f"parameter 'column' of attack 'semantic': got {self.column}; "
                f"samples have shape {images.shape}"
            )
        found: NDArray[np.bool_] = (images[:, self.column] > self.above) & (labels != self.target)
        return found

    def poison(
        self,
        images: NDArray[Any],
        labels: NDArray[np.int64],
        view: PoisonView,
        rng: np.random.Generator,
    ) -> tuple[NDArray[Any], NDArray[np.int64]]:
        """Relabel the chosen samples."""
        candidates = np.flatnonzero(self.victims(images, labels))
        chosen = chosen_samples(candidates, round(self.share * candidates.size), rng)
        relabelled = labels.copy()
        relabelled[chosen] = self.target
        return images, relabelled
