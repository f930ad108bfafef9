"""BadNets: a patch as the trigger."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from attacks import register
from attacks.adversary.checks import require, require_images
from attacks.adversary.poisoned_share import chosen_samples
from attacks.base import Attack, Backdoor, PoisonView, Space
from frl.errors import InputError


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

    target: int = 0
    size: int = 3
    margin: int = 1
    value: int = 255
    share: float = 0.5

    def __post_init__(self) -> None:
        require(self.target >= 0, "badnets", "target", self.target, "a class")
        require(self.size >= 1, "badnets", "size", self.size, "an integer >= 1")
        require(self.margin >= 0, "badnets", "margin", self.margin, "an integer >= 0")
        require(0 <= self.value <= 255, "badnets", "value", self.value, "0 to 255")
        require(0 <= self.share <= 1, "badnets", "share", self.share, "a share from 0 to 1")

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
