"""Model files: a trained network to take home, as float32 weights or as a seed and a 1-bit mask.

A file is safetensors. In the form ``weights`` it holds a plain state dict. In the form ``mask`` it
holds one bit an edge, because the weights under a mask, and all that is frozen, follow from the
seed. Batch norm has no running statistics here (:mod:`frl.training.batch_statistics`). The metadata
of a file say which form it has, for which model and data, and hold a checksum against damage (not
against malice).
"""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save
from torch import Tensor, nn

from frl import models
from frl.arrays import Arrays
from frl.errors import InputError
from frl.exchange.messages import digest
from frl.models import DataShape, signed_constant
from frl.training.batch_statistics import use_batch_statistics
from frl.training.parameters import ranked

Form: TypeAlias = Literal["weights", "mask"]
_FORMAT = "frl-model-1"
_ABOUT, _CHECKSUM = "about", "sha256"


class About(NamedTuple):
    """The description of the model in a model file.

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
        A plain module; in the form ``mask`` its ranked weights are 0 or those of the seed.
    about : About

    Raises
    ------
    InputError
        If it is to be a mask, but its weights are others than those of the seed and 0, as with
        several coats.
    """
    tensors = {name: _values(tensor) for name, tensor in module.state_dict().items()}
    if about.form == "mask":
        names = [spec.slots[0].name for spec in ranked(module)]
        _check_seeded(module, about.seed)
        tensors = {name: np.packbits(tensors[name].reshape(-1) != 0) for name in names}
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


def load_model(path: str | Path, model: Callable[[], nn.Module] | None = None) -> nn.Module:
    """Build the network of a model file: a plain torch module in evaluation mode.

    Parameters
    ----------
    path : str or Path
        Written by ``frl export`` or :func:`frl.save`.
    model : callable, optional
        Makes the module of a file that is of an own network.

    Raises
    ------
    InputError
        If it is no model file, damaged, or for a network that this version does not have.
    """
    about, tensors = _read(Path(path))
    shape = DataShape(tuple(about.example), about.classes)
    if model is None and ":" in about.model:
        raise InputError(f"{path}: is of the network {about.model}; takes load_model(path, model)")

    def make() -> nn.Module:
        return models.make(about.model, shape) if model is None else model()

    try:
        with torch.device("meta"):
            planned = make()
        use_batch_statistics(planned)
        _check_sizes(planned, about.form, tensors)
    except (ValueError, TypeError, RuntimeError, OverflowError) as error:
        raise InputError(f"{path}: {str(error).splitlines()[0]}") from None
    module = models.build(make, about.seed, shape.example or None)
    use_batch_statistics(module)
    if about.form == "weights":
        module.load_state_dict({name: torch.from_numpy(held) for name, held in tensors.items()})
        return module.eval()
    signed_constant(module, about.seed)
    with torch.no_grad():
        for spec in ranked(module):
            bits = np.unpackbits(tensors[spec.slots[0].name], count=spec.tensor.numel())
            spec.tensor.mul_(torch.from_numpy(bits).view_as(spec.tensor))
    return module.eval()


def _check_seeded(module: nn.Module, seed: int) -> None:
    """Refuse a module that its constructor, its seed and a mask would not give again."""
    fresh = copy.deepcopy(module)
    for parameter in fresh.parameters():
        parameter.requires_grad_(parameter.is_floating_point())
    masked = {slot.name for spec in ranked(module) for slot in spec.slots}
    signed_constant(fresh, seed)
    held = module.state_dict()
    for name, tensor in fresh.state_dict().items():
        expected = tensor * (held[name] != 0) if name in masked else tensor
        if not torch.equal(expected, held[name]):
            raise InputError(
                f"parameter {name!r} does not follow from the seed and a mask; takes the form "
                "weights"
            )


def _values(tensor: Tensor) -> NDArray[Any]:
    values: NDArray[Any] = np.ascontiguousarray(tensor.detach().cpu().numpy())
    return values.reshape(tuple(tensor.shape))


def _read(path: Path) -> tuple[About, Arrays]:
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


def _about(stored: Any) -> About:
    """Check what a file says, with types that JSON can have."""
    if not isinstance(stored, dict) or stored.pop("format", None) != _FORMAT:
        raise ValueError(f"its format is not {_FORMAT!r}")
    about = About(**stored)
    numbers = [about.classes, about.seed, about.round, *about.example]
    if about.form not in ("weights", "mask") or not all(
        type(number) is int and 0 <= number < 2**32 for number in numbers
    ):
        raise ValueError(f"it describes no model: {about}")
    return about


def _check_sizes(planned: nn.Module, form: Form, tensors: Mapping[str, NDArray[Any]]) -> None:
    """Refuse tensors that do not fit, before memory is taken for the network they claim to be."""
    expected: dict[str, tuple[np.dtype[Any], tuple[int, ...]]] = {}
    if form == "mask":
        for spec in ranked(planned):
            size = ((spec.tensor.numel() + 7) // 8,)
            expected[spec.slots[0].name] = (np.dtype(np.uint8), size)
    else:
        for name, tensor in planned.state_dict().items():
            kind = torch.empty(0, dtype=tensor.dtype, device="cpu").numpy().dtype
            expected[name] = (kind, tuple(tensor.shape))
    found = {name: (array.dtype, array.shape) for name, array in tensors.items()}
    if found != expected:
        differ = sorted(
            name for name in found.keys() | expected.keys() if found.get(name) != expected.get(name)
        )
        raise InputError(f"its tensors do not fit the model it names: {', '.join(differ)}")


def _checksum(described: str, tensors: Mapping[str, NDArray[Any]]) -> str:
    held = digest(dict(sorted(tensors.items())))
    return hashlib.sha256(f"{described}{held}".encode()).hexdigest()
