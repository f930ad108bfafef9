"""The network of a run: how its module is made, and what of it is trained."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, NamedTuple, TypeAlias, cast

import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from frl.errors import InputError, unknown
from frl.supermask import MaskBy, edge_layers
from frl.training import RankTrainer, Trainer, TrainSettings
from frl.weight_training import WeightTrainer

Model: TypeAlias = Callable[[], nn.Module]
"""A class, or a function without parameters, that makes a plain torch module."""
Method: TypeAlias = Literal["frl", "fedavg"]
State: TypeAlias = dict[str, NDArray[Any]]

LEARNING_RATES: dict[str, float] = {"frl": 0.4, "fedavg": 0.01}
SPACES: dict[str, str] = {"frl": "ranks", "fedavg": "weights"}
_MASKS = ("score", "abs")


class Network(NamedTuple):
    """What a global state is the state of; with the seed of the run it fixes the module.

    Attributes
    ----------
    model : Model
    method : {"frl", "fedavg"}
        Whether edges are ranked or weights are trained.
    keep : float
        Share of edges that a mask keeps.
    mask_by : {"score", "abs"}
        How the mask is taken from a ranking.
    """

    model: Model
    method: Method = "frl"
    keep: float = 0.5
    mask_by: MaskBy = "score"

    @property
    def space(self) -> str:
        """What its global states hold: ``"ranks"`` or ``"weights"``."""
        return SPACES[self.method]

    def trainer(
        self, seed: int, settings: TrainSettings | None = None, device: str = "cpu"
    ) -> Trainer:
        """Make its module, ready to train in a run of this seed."""
        module, settings = make_module(self.model), settings or TrainSettings()
        if self.method == "fedavg":
            return WeightTrainer(module, settings, seed=seed, device=device)
        return RankTrainer(
            module, settings, seed=seed, keep=self.keep, mask_by=self.mask_by, device=device
        )

    def layers(self) -> dict[str, int]:
        """Return the number of edges of each layer."""
        with torch.device("meta"):
            module = make_module(self.model)
        return {name: cast(Tensor, layer.weight).numel() for name, layer in edge_layers(module)}


def check_network(network: Network) -> None:
    """Refuse a network that cannot be trained.

    Raises
    ------
    InputError
        If a setting is out of range, the model cannot be made, or its parameters cannot be ranked.
    """
    if network.method not in LEARNING_RATES:
        raise unknown("method", network.method, LEARNING_RATES)
    if not 0 < network.keep <= 1:
        raise InputError(f"keep: got {network.keep!r}; takes more than 0, at most 1")
    if network.mask_by not in _MASKS:
        raise unknown("mask_by", network.mask_by, _MASKS)
    module = make_module(network.model)
    try:
        layers = list(edge_layers(module))
    except InputError as error:
        raise InputError(f"model {model_name(network.model)}: {error}") from None
    if not layers:
        raise InputError(
            f"model {model_name(network.model)}: has no linear or convolution layer to train"
        )


def make_module(model: Model) -> nn.Module:
    """Make a plain module.

    Raises
    ------
    InputError
        If a model is not what makes one.
    """
    if isinstance(model, nn.Module) or not callable(model):
        raise InputError(
            f"model: got a {type(model).__name__}; takes a class, or a function without "
            "parameters, that makes a torch module"
        )
    try:
        module = model()
    except Exception as error:
        raise InputError(
            f"model {model_name(model)}: cannot be made without arguments: "
            f"{type(error).__name__}: {' '.join(str(error).split())}"
        ) from None
    if not isinstance(module, nn.Module):
        raise InputError(
            f"model {model_name(model)}: makes a {type(module).__name__}; takes what makes a "
            "torch module"
        )
    return module


def model_name(model: Model) -> str:
    """Where a model is defined: ``"package.module:Name"``."""
    name = getattr(model, "__qualname__", type(model).__qualname__)
    return f"{getattr(model, '__module__', '?')}:{name}"


def initial_state(model: Model, *, space: str, seed: int) -> State:
    """Global state that round 1 begins with: a ranking or weights, drawn from the seed.

    Raises
    ------
    InputError
        If the model cannot be trained.
    """
    method = next(method for method, held in SPACES.items() if held == space)
    network = Network(model, cast(Method, method))
    check_network(network)
    return network.trainer(seed).initial
