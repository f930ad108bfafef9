"""Model replacement."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from attacks import make, register
from attacks.adversary.checks import require
from attacks.base import Attack, Backdoor, PoisonView, Space, TamperView, Update, crafts, tampers
from frl.errors import InputError
from frl.registry.ranges import Finite


@register("model_replacement")
@dataclass(frozen=True)
class ModelReplacement(Attack, Backdoor):
    """A client trains on poisoned data and boosts its update to replace the global model.

    Threat model: malicious clients act alone; near convergence the benign updates cancel, so one
    boosted update takes the mean over. Formula: poison as the attack ``data`` does, then
    ``u' = scale * u``.

    Parameters
    ----------
    data : str
        Name of an attack on data that plants a backdoor.
    params : dict
        Its parameters.
    scale : float or None
        The number of clients per round by default, which replaces a plain mean entirely.

    References
    ----------
    Bagdasaryan et al., "How To Backdoor Federated Learning", AISTATS 2020, arXiv:1807.00459.
    """

    space: ClassVar[Space] = "weights"
    formula: ClassVar[str] = "train on the data attack's shard; u' = scale * u"
    paper: ClassVar[str] = "Bagdasaryan et al., AISTATS 2020, arXiv:1807.00459"

    data: str = "badnets"
    params: dict[str, Any] = field(default_factory=dict)
    scale: Finite | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        require(
            self.data != "model_replacement",
            "model_replacement",
            "data",
            self.data,
            "another attack",
        )
        inner = make(self.data, **self.params)
        if not isinstance(inner, Backdoor) or crafts(inner) or tampers(inner):
            raise InputError(
                f"parameter 'data' of attack 'model_replacement': got {self.data!r}; "
                "takes an attack on data alone that plants a backdoor"
            )
        object.__setattr__(self, "_inner", inner)

    @property
    def inner(self) -> Attack:
        """The attack on the data."""
        inner: Attack = self.__dict__["_inner"]
        return inner

    @property
    def target(self) -> int:
        """Class that triggered samples are meant to be taken for."""
        return self._backdoor.target

    @property
    def _backdoor(self) -> Backdoor:
        backdoor: Backdoor = self.__dict__["_inner"]
        return backdoor

    def stamp(self, images: NDArray[Any]) -> NDArray[Any]:
        """Put the data attack's trigger on every sample."""
        return self._backdoor.stamp(images)

    def victims(self, images: NDArray[Any], labels: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Mark the victims of the data attack."""
        return self._backdoor.victims(images, labels)

    def poison(
        self,
        images: NDArray[Any],
        labels: NDArray[np.int64],
        view: PoisonView,
        rng: np.random.Generator,
    ) -> tuple[NDArray[Any], NDArray[np.int64]]:
        """Poison as the data attack does."""
        return self.inner.poison(images, labels, view, rng)

    def tamper(self, update: Update, view: TamperView, rng: np.random.Generator) -> Update:
        """Boost every layer."""
        scale = view.setting.clients_per_round if self.scale is None else self.scale
        return {name: np.float32(scale) * own for name, own in update.items()}
