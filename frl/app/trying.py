"""A try of a network on a few examples, before anything is started."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from frl.app.network import Model, make_module, model_name
from frl.app.shard_reader import first_line
from frl.data import Split
from frl.errors import InputError

_OF_TYPE = re.compile(r"scalar type|dtype|Float|Long|not implemented for")
"""In what torch says of inputs of the wrong type."""


class Tried(NamedTuple):
    """What a try of a network found.

    Attributes
    ----------
    classes : int
        How many it tells apart.
    integers : bool
        Whether it takes its inputs as integers, such as tokens; else as float32.
    """

    classes: int
    integers: bool


def try_network(model: Model, split: Split) -> Tried:
    """Try a network on the first examples of a shard.

    Integers reach it as they are if it takes them, else as float32; bytes the other way round,
    since they are mostly pictures.

    Raises
    ------
    InputError
        If it takes such inputs neither way, or gives no logits.
    """
    module = make_module(model, 0).eval()
    inputs = split.inputs[:2]
    ways = [True, False] if inputs.dtype == np.int64 else [False]
    if inputs.dtype == np.uint8:
        ways.append(True)
    complaints: list[Exception] = []
    for integers in ways:
        try:
            logits = _forward(module, as_tensor(inputs, integers=integers))
        except Exception as error:
            complaints.append(error)
            continue
        if not isinstance(logits, Tensor) or logits.ndim != 2 or len(logits) != len(inputs):
            found = tuple(logits.shape) if isinstance(logits, Tensor) else type(logits).__name__
            raise InputError(
                f"model {model_name(model)}: gives {found} for {len(inputs)} examples; takes "
                f"logits of shape ({len(inputs)}, classes)"
            )
        return Tried(int(logits.shape[1]), integers)
    of_shape = [error for error in complaints if not _OF_TYPE.search(str(error))]
    raise InputError(
        f"model {model_name(model)}: does not take examples of shape {inputs.shape[1:]}: "
        f"{first_line((of_shape or complaints)[-1])}"
    )


def as_tensor(inputs: NDArray[Any], *, integers: bool, device: str = "cpu") -> Tensor:
    """Return inputs as a network takes them: int64 or float32, their values as they are."""
    given = torch.from_numpy(np.array(inputs)).to(device)
    return given.long() if integers else given.float()


@torch.no_grad()
def _forward(module: nn.Module, inputs: Tensor) -> Any:
    return module(inputs)
