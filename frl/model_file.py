"""Model files: a trained network to take home, as float32 weights or as a seed and a 1-bit mask.

A file is safetensors. In the form ``weights`` it holds a plain state dict. In the form ``mask`` it
holds one bit an edge, because the weights under a mask follow from the seed. Its metadata say
which, for which model and data, and hold a checksum against damage (not against malice).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeAlias, cast

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save
from torch import Tensor, nn

from frl import models
from frl.errors import InputError
from frl.exchange.messages import digest
from frl.models import DataShape, signed_constant
from frl.supermask import edge_layers

Form: TypeAlias = Literal["weights", "mask"]
_FORMAT = "frl-model-1"
_ABOUT, _CHECKSUM = "about", "sha256"


class About(NamedTuple):
    """What a model file says of its model.

    Attributes
    ----------
    form : {"weights", "mask"}
    model : str
        Name of the network.
    example : list of int
        Shape of one example.
    classes : int
    seed : int
        Of the run; fixes the weights under a mask.
    mean, std : list of float
        Of the training inputs, per channel or feature: the model takes ``(inputs - mean) / std``.
    round : int
    accuracy : float or None
        On the test split, if it was measured in that round.
    digest : str
        Of the global state of the run.
    """

    form: Form
    model: str
    example: list[int]
    classes: int
    seed: int
    mean: list[float]
    std: list[float]
    round: int
    accuracy: float | None
    digest: str


def pack_model(module: nn.Module, about: About) -> bytes:
    """Return the content of a model file.

    Parameters
    ----------
    module : nn.Module
        A plain module; in the form ``mask`` its weights are 0 or those of the seed.
    about : About
    """
    weights = {f"{name}.weight": _values(layer) for name, layer in edge_layers(module)}
    tensors: dict[str, NDArray[Any]] = dict(weights)
    if about.form == "mask":
        tensors = {name: np.packbits(values.reshape(-1) != 0) for name, values in weights.items()}
    described = json.dumps({"format": _FORMAT, **about._asdict()})
    return save(tensors, metadata={_ABOUT: described, _CHECKSUM: _checksum(described, tensors)})


def describe_model(path: str | Path) -> About:
    """Read what a model file says of its model.

    Raises
    ------
    InputError
        If it is no model file, or damaged.
    """
    return _read(Path(path))[0]


def load_model(path: str | Path) -> nn.Module:
    """Build the network of a model file: a plain torch module in evaluation mode.

    Parameters
    ----------
    path : str or Path
        Written by ``frl export``.

    Raises
    ------
    InputError
        If it is no model file, damaged, or for a network that this version does not have.
    """
    about, tensors = _read(Path(path))
    shape = DataShape(tuple(about.example), about.classes)
    try:
        with torch.device("meta"):
            planned = models.make(about.model, shape)
        _check_sizes(planned, about.form, tensors)
    except (ValueError, TypeError, RuntimeError, OverflowError) as error:
        raise InputError(f"{path}: {str(error).splitlines()[0]}") from None
    module = models.make(about.model, shape)
    if about.form == "mask":
        signed_constant(module, about.seed)
    with torch.no_grad():
        for name, layer in edge_layers(module):
            weight, held = cast(Tensor, layer.weight), tensors[f"{name}.weight"]
            if about.form == "mask":
                bits = np.unpackbits(held, count=weight.numel())
                weight.mul_(torch.from_numpy(bits).view_as(weight))
            else:
                weight.copy_(torch.from_numpy(held))
    return module.eval()


def _values(layer: nn.Module) -> NDArray[np.float32]:
    return np.asarray(cast(Tensor, layer.weight).detach().cpu().numpy(), dtype=np.float32)


def _read(path: Path) -> tuple[About, dict[str, NDArray[Any]]]:
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = dict(file.metadata() or {})
            tensors = {name: file.get_tensor(name) for name in sorted(file.keys())}
        described = metadata[_ABOUT]
        if metadata[_CHECKSUM] != _checksum(described, tensors):
            raise ValueError("its checksum is wrong")
        return _about(json.loads(described)), tensors
    except KeyError:
        raise InputError(f"{path} is no model file of frl export") from None
    except FileNotFoundError:
        raise InputError(f"no model file {str(path)!r}") from None
    except (SafetensorError, OSError, ValueError, TypeError, RecursionError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise InputError(f"{path} is no model file, or damaged: {reason}") from None


def _about(told: Any) -> About:
    """Check what a file says, with types that JSON can have."""
    if not isinstance(told, dict) or told.pop("format", None) != _FORMAT:
        raise ValueError(f"its format is not {_FORMAT!r}")
    about = About(**told)
    numbers = [about.classes, about.seed, about.round, *about.example]
    if about.form not in ("weights", "mask") or not all(
        type(number) is int and 0 <= number < 2**32 for number in numbers
    ):
        raise ValueError(f"it describes no model: {about}")
    return about


def _check_sizes(planned: nn.Module, form: Form, tensors: Mapping[str, NDArray[Any]]) -> None:
    """Refuse tensors that do not fit, before memory is taken for the network they claim to be."""
    expected = {}
    for name, layer in edge_layers(planned):
        size = cast(Tensor, layer.weight).shape
        plain = (np.dtype(np.float32), tuple(size))
        bits = (np.dtype(np.uint8), ((size.numel() + 7) // 8,))
        expected[f"{name}.weight"] = bits if form == "mask" else plain
    found = {name: (array.dtype, array.shape) for name, array in tensors.items()}
    if found != expected:
        differ = sorted(
            name for name in found.keys() | expected.keys() if found.get(name) != expected.get(name)
        )
        raise InputError(f"its tensors do not fit the model it names: {', '.join(differ)}")


def _checksum(described: str, tensors: Mapping[str, NDArray[Any]]) -> str:
    held = digest(dict(sorted(tensors.items())))
    return hashlib.sha256(f"{described}{held}".encode()).hexdigest()
