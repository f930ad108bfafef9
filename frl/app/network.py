"""The network of a run: how its module is made, and what of it is trained."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

from torch import nn

from frl import methods, models
from frl.arrays import Arrays
from frl.errors import InputError, unknown
from frl.methods.base import KEEP, Method, Space, Training
from frl.training.masked_weight import MaskBy, check_coats
from frl.training.ranks import Trainer
from frl.training.settings import TrainSettings

Model: TypeAlias = Callable[[], nn.Module]
"""A class, or a function without parameters, that makes a plain torch module."""
_MASKS = ("score", "abs")
_FIRST: dict[Space, str] = {"ranks": "frl", "weights": "fedavg"}
"""Methods whose first state a strategy on this space begins with."""


class Network(NamedTuple):
    """The network that a global state belongs to; with the seed of the run it fixes the module.

    Attributes
    ----------
    model : Model
    method : str
        Registered name of the way to train and to send, see :mod:`frl.methods`.
    keep : float
        Share of edges that a mask keeps.
    mask_by : {"score", "abs"}
        How the mask is taken from a ranking.
    coats : int
        Nested masks of the ranking.
    binarised : bool
        Whether all kept weights of a layer have one size.
    """

    model: Model
    method: str = "frl"
    keep: float = KEEP
    mask_by: MaskBy = "score"
    coats: int = 1
    binarised: bool = False

    @property
    def space(self) -> Space:
        """Contents of its global states: ``"ranks"`` or ``"weights"``."""
        return self._made.space

    @property
    def learning_rate(self) -> float:
        """The learning rate of round 1 that suits the method."""
        return self._made.learning_rate

    def trainer(
        self, seed: int, settings: TrainSettings | None = None, device: str = "cpu"
    ) -> Trainer:
        """Make its module, ready to train in a run of this seed."""
        module = make_module(self.model, seed)
        training = Training(
            settings or TrainSettings(),
            seed,
            self.keep,
            self.mask_by,
            coats=self.coats,
            binarised=self.binarised,
            device=device,
        )
        return self._made.trainer(module, training)

    def layers(self) -> dict[str, int]:
        """Return the number of values of each layer."""
        return {name: int(values.size) for name, values in self.trainer(0).initial.items()}

    @property
    def _made(self) -> Method:
        return methods.make(self.method)


def check_network(network: Network) -> None:
    """Refuse a network that cannot be trained.

    Raises
    ------
    InputError
        If a setting is out of range, the model cannot be made, or its parameters cannot be ranked.
    """
    if network.method not in methods.list():
        raise unknown("method", network.method, methods.list())
    if methods.make(network.method).form(methods.Draw()) is not None:
        raise InputError(
            f"method: {network.method!r} sends what only the apps of a configuration read "
            f"(strategy.name); takes {' or '.join(map(repr, _FIRST.values()))}"
        )
    if not 0 < network.keep <= 1:
        raise InputError(f"keep: got {network.keep!r}; takes more than 0, at most 1")
    if network.mask_by not in _MASKS:
        raise unknown("mask_by", network.mask_by, _MASKS)
    for name, plain in (("coats", 1), ("binarised", False)):
        value = getattr(network, name)
        if type(value) is not type(plain):
            raise InputError(f"{name}: got {value!r}; takes {type(plain).__name__}")
        if value != plain and network.space != "ranks":
            raise InputError(f"{name}: got {value!r}; method {network.method!r} has no mask")
    check_coats(network.coats, binarised=network.binarised)
    make_module(network.model, 0)
    try:
        network.trainer(0)
    except InputError as error:
        raise InputError(f"model {model_name(network.model)}: {error}") from None


def make_module(model: Model, seed: int) -> nn.Module:
    """Make a plain module, the same on every machine.

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
        return models.build(model, seed)
    except InputError as error:
        reason = str(error).removeprefix("model: ")
        raise InputError(f"model {model_name(model)}: {reason}") from None
    except Exception as error:
        raise InputError(
            f"model {model_name(model)}: cannot be made without arguments: "
            f"{type(error).__name__}: {' '.join(str(error).split())}"
        ) from None


def model_name(model: Model) -> str:
    """Return the path of a model's definition: ``"package.module:Name"``."""
    name = getattr(model, "__qualname__", type(model).__qualname__)
    return f"{getattr(model, '__module__', '?')}:{name}"


def initial_state(model: Model, *, space: Space, seed: int) -> Arrays:
    """Global state that round 1 begins with: a ranking or weights, drawn from the seed.

    Raises
    ------
    InputError
        If the model cannot be trained.
    """
    network = Network(model, _FIRST[space])
    check_network(network)
    return network.trainer(seed).initial
