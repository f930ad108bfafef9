"""BadNets: a patch as the trigger."""

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


@register("badnets")
@dataclass(frozen=True)
class BadNets(Attack, Backdoor):
    """A client trains on images with a patch, labelled as the target.

    Threat model: malicious clients follow the protocol on poisoned data; accuracy on clean images
    is meant to stay. Formula: a share of the samples gets a ``size x size`` patch of one value in
    the lower right corner, ``margin`` pixels from the edges, and the label ``target``.

    Parameters
    ----------
    target : int
    size, margin : int
        Pixels.
    value : int
        0 to 255.
    share : float
        Of the client's samples, rounded to whole ones.

    References
    ----------
    Gu, Dolan-Gavitt, Garg, "BadNets", arXiv:1708.06733.
    """

    space: ClassVar[Space] = "data"
    formula: ClassVar[str] = "a share of images gets a size x size patch and the label target"
    paper: ClassVar[str] = "Gu et al., 2017, arXiv:1708.06733"

    target: Count = 0
    size: PositiveCount = 3
    margin: Count = 1
    value: Annotated[int, Ge(0), Le(255)] = 255
    share: Share = 0.5

    search: ClassVar[Mapping[str, tuple[Any, ...]]] = {"share": (1.0,)}

    def stamp(self, images: NDArray[Any]) -> NDArray[Any]:
        """Put the patch on every image."""
        require_images("badnets", images)
        bottom, right = images.shape[2] - self.margin, images.shape[3] - self.margin
        if min(bottom, right) < self.size:
            raise InputError(
                f"attack 'badnets': a patch of {self.size} pixels with margin {self.margin} "
                f"does not fit images of {images.shape[2]} x {images.shape[3]}"
            )
        stamped = images.copy()
        stamped[:, :, bottom - self.size : bottom, right - self.size : right] = self.value
        return stamped

    def poison(
        self,
        images: NDArray[Any],
        labels: NDArray[np.int64],
        view: PoisonView,
        rng: np.random.Generator,
    ) -> tuple[NDArray[Any], NDArray[np.int64]]:
        """Stamp and relabel the chosen samples."""
        require_images("badnets", images)
        chosen = chosen_samples(np.arange(labels.size), round(self.share * labels.size), rng)
        poisoned, relabelled = images.copy(), labels.copy()
        poisoned[chosen] = self.stamp(images[chosen])
        relabelled[chosen] = self.target
        return poisoned, relabelled
