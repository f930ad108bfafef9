"""Label flip."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from attacks import register
from attacks.adversary.poisoned_share import chosen_samples
from attacks.base import Attack, PoisonView, Space
from frl.errors import InputError
from frl.registry.ranges import Count, Share


@register("label_flip")
@dataclass(frozen=True)
class LabelFlip(Attack):
    """A client trains on wrong labels.

    Threat model: malicious clients act alone and follow the protocol. Formula: a share of the
    labels ``y`` becomes ``target`` (``"all_to_one"``), ``classes - 1 - y`` (``"pairwise"``) or a
    random other class (``"random"``).

    Parameters
    ----------
    mode : {"all_to_one", "pairwise", "random"}
    target : int
        Of ``"all_to_one"``.
    share : float
        Of the client's samples, rounded to whole ones.

    References
    ----------
    Biggio, Nelson, Laskov, "Support Vector Machines Under Adversarial Label Noise", ACML 2011;
    Tolpegin et al., "Data Poisoning Attacks Against Federated Learning Systems", ESORICS 2020,
    arXiv:2007.08432.
    """

    space: ClassVar[Space] = "data"
    formula: ClassVar[str] = "y' = target | classes - 1 - y | a random other class"
    paper: ClassVar[str] = "Tolpegin et al., ESORICS 2020, arXiv:2007.08432"

    mode: Literal["all_to_one", "pairwise", "random"] = "pairwise"
    target: Count = 0
    share: Share = 1.0

    search: ClassVar[Mapping[str, tuple[Any, ...]]] = {"share": ()}

    def poison(
        self,
        images: NDArray[Any],
        labels: NDArray[np.int64],
        view: PoisonView,
        rng: np.random.Generator,
    ) -> tuple[NDArray[Any], NDArray[np.int64]]:
        """Change the labels of the chosen samples."""
        classes = view.setting.classes
        chosen = chosen_samples(np.arange(labels.size), round(self.share * labels.size), rng)
        flipped = labels.copy()
        if self.mode == "all_to_one":
            if self.target >= classes:
                raise InputError(
                    f"parameter 'target' of attack 'label_flip': got {self.target}; "
                    f"takes a class below {classes}"
                )
            flipped[chosen] = self.target
        elif self.mode == "pairwise":
            flipped[chosen] = classes - 1 - labels[chosen]
        else:
            shift = rng.integers(1, classes, chosen.size) if classes > 1 else 0
            flipped[chosen] = (labels[chosen] + shift) % classes
        return images, flipped
