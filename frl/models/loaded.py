"""Loaded weights: those of a safetensors file in place of drawn ones, but for the last layer.

The names in a file are those of the module's state dict. The last ranked layer, the head, is drawn
from the seed: it is of other classes. Running statistics are never used, so they may stand in a
file and are left out.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from frl.errors import InputError
from frl.ranking import Positions, invert, rank
from frl.training.parameters import ParameterSpec, ranked

_STATISTICS = ("running_mean", "running_var", "num_batches_tracked")
_KEY = "model.weights"


def load_weights(module: nn.Module, path: str | Path) -> list[ParameterSpec]:
    """Set all of a plain module but its head to what a file holds.

    Parameters
    ----------
    module : nn.Module
        Changed in place; its statistics are those of the batch.
    path : str or Path
        A safetensors file of float32 tensors.

    Returns
    -------
    list of ParameterSpec
        The ranked parameters that were loaded.

    Raises
    ------
    InputError
        If there is no such file, or it is not of this module; the line names what differs.
    """
    *loaded, head = ranked(module)
    drawn = {name for slot in head.slots for name in _names_of(slot.path, slot.layer)}
    expected = {name: held for name, held in module.state_dict().items() if name not in drawn}
    found = {
        name: values
        for name, values in _read(Path(path)).items()
        if name not in drawn and name.rpartition(".")[2] not in _STATISTICS
    }
    for name in sorted(expected.keys() - found.keys()):
        raise InputError(f"{_KEY}: {path} lacks {name!r}, which the model has")
    for name in sorted(found.keys() - expected.keys()):
        raise InputError(f"{_KEY}: {path} has {name!r}, which the model has not")
    with torch.no_grad():
        for name, held in expected.items():
            values = found[name]
            if values.shape != held.shape or values.dtype != held.dtype:
                raise InputError(
                    f"{_KEY}: {name!r} is {_kind(values)} in {path}; the model takes {_kind(held)}"
                )
            held.copy_(values)
    return loaded


def rank_by_size(
    weights: NDArray[np.float32], sorted_scores: NDArray[np.float32], mask_by: str
) -> Positions:
    """Rank the edges of a layer so that the mask has those of largest absolute weight.

    Parameters
    ----------
    weights : float32 array of n values
    sorted_scores : float32 array of shape (n,)
        The scores that ranks stand for, ascending.
    mask_by : {"score", "abs"}
        By ``abs`` the largest weights get the ranks of largest absolute score.
    """
    by_size = rank(np.abs(weights))
    if mask_by == "score":
        return by_size
    nearest_first: Positions = invert(rank(np.abs(sorted_scores)))
    return nearest_first[by_size]


def _names_of(path: str, layer: nn.Module) -> list[str]:
    prefix = f"{path}." if path else ""
    return [f"{prefix}{name}" for name in layer.state_dict()]


def _read(path: Path) -> dict[str, Tensor]:
    try:
        with safe_open(path, framework="pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except FileNotFoundError:
        raise InputError(f"{_KEY}: no file {str(path)!r}") from None
    except (SafetensorError, OSError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise InputError(f"{_KEY}: {path} is no safetensors file: {reason}") from None


def _kind(tensor: Tensor) -> str:
    sizes = "x".join(map(str, tensor.shape)) or "a number"
    return f"{sizes} of {str(tensor.dtype).removeprefix('torch.')}"
