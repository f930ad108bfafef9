"""A try of a network on a few examples, before anything is started."""

from __future__ import annotations

import torch
from torch import Tensor

from frl.app.network import Model, make_module, model_name
from frl.app.shard_reader import first_line
from frl.errors import InputError


@torch.no_grad()
def count_outputs(model: Model, inputs: Tensor) -> int:
    """Return how many classes a model tells apart.

    Raises
    ------
    InputError
        If it does not take such inputs, or gives no logits.
    """
    module = make_module(model, 0).eval()
    shape = tuple(inputs.shape[1:])
    try:
        logits = module(inputs)
    except Exception as error:
        raise InputError(
            f"model {model_name(model)}: does not take examples of shape {shape}: "
            f"{first_line(error)}"
        ) from None
    if not isinstance(logits, Tensor) or logits.ndim != 2 or len(logits) != len(inputs):
        found = tuple(logits.shape) if isinstance(logits, Tensor) else type(logits).__name__
        raise InputError(
            f"model {model_name(model)}: gives {found} for {len(inputs)} examples; takes logits of "
            f"shape ({len(inputs)}, classes)"
        )
    return int(logits.shape[1])
