"""Distributed backdoor: the trigger in parts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np
from annotated_types import Ge, Le
from numpy.typing import NDArray

from attacks import register
from attacks.adversary.checks import require_images
from attacks.adversary.poisoned_share import chosen_samples
from attacks.base import Attack, Backdoor, PoisonView, Space
from frl.errors import InputError
from frl.registry.ranges import Count, PositiveCount, Share


@register("dba")
@dataclass(frozen=True)
class DBA(Attack, Backdoor):
    """Each client trains on one part of the trigger; the whole of it is stamped in attack.

    Threat model: as for BadNets, with the trigger split over the colluders, so that no client's
    data shows all of it. Formula: part ``k`` is a bar of ``length`` pixels in row
    ``2 (k div 2)``, column ``(k mod 2) (length + 2)``, each shifted by ``margin``; client ``c``
    uses part ``c mod parts``.

    Parameters
    ----------
    target : int
    parts : int
    length, margin : int
        Pixels.
    value : int
        0 to 255.
    share : float
        Of the client's samples, rounded to whole ones.

    References
    ----------
    Xie, Huang, Chen, Li, "DBA: Distributed Backdoor Attacks against Federated Learning", ICLR
    2020.
    """

    space: ClassVar[Space] = "data"
    formula: ClassVar[str] = "client c stamps bar c mod parts of the trigger, label target"
    paper: ClassVar[str] = "Xie et al., ICLR 2020"

    target: Count = 0
    parts: PositiveCount = 4
    length: PositiveCount = 4
    margin: Count = 1
    value: Annotated[int, Ge(0), Le(255)] = 255
    share: Share = 0.5

    search: ClassVar[Mapping[str, tuple[Any, ...]]] = {"share": (1.0,)}

    def stamp(self, images: NDArray[Any]) -> NDArray[Any]:
        """Put the whole trigger on every image."""
        stamped = self.stamp_part(images, 0)
        for part in range(1, self.parts):
            stamped = self.stamp_part(stamped, part)
        return stamped

    def stamp_part(self, images: NDArray[Any], part: int) -> NDArray[Any]:
        """Put one part of the trigger on every image."""
        require_images("dba", images)
        row = self.margin + 2 * (part // 2)
        left = self.margin + (part % 2) * (self.length + 2)
        if row >= images.shape[2] or left + self.length > images.shape[3]:
            raise InputError(
                f"attack 'dba': part {part} of the trigger does not fit images of "
                f"{images.shape[2]} x {images.shape[3]}"
            )
        stamped = images.copy()
        stamped[:, :, row, left : left + self.length] = self.value
        return stamped

    def poison(
        self,
        images: NDArray[Any],
        labels: NDArray[np.int64],
        view: PoisonView,
        rng: np.random.Generator,
    ) -> tuple[NDArray[Any], NDArray[np.int64]]:
        """Stamp the client's part on the chosen samples and relabel them."""
        require_images("dba", images)
        chosen = chosen_samples(np.arange(labels.size), round(self.share * labels.size), rng)
        poisoned, relabelled = images.copy(), labels.copy()
        poisoned[chosen] = self.stamp_part(images[chosen], view.client % self.parts)
        relabelled[chosen] = self.target
        return poisoned, relabelled
