"""A module as a function of what it trains: it keeps the structure and takes the values."""

from __future__ import annotations

import copy
import logging
from collections.abc import Mapping

from torch import Tensor, nn
from torch.func import functional_call

from frl.training.batch_statistics import has_batch_statistics
from frl.training.parameters import ParameterSpec
from frl.training.snapshot import Snapshot

log = logging.getLogger(__name__)


class Stateless:
    """The structure of a plain module, on the device "meta", without values of its own.

    Parameters
    ----------
    module : nn.Module
        On its device, without supermasks.
    trained : sequence of ParameterSpec
        What is given at each call; all else stays the module's.
    """

    def __init__(self, module: nn.Module, trained: list[ParameterSpec]) -> None:
        self._names = {spec.layer: [slot.name for slot in spec.slots] for spec in trained}
        given = {name for names in self._names.values() for name in names}
        held = {
            **dict(module.named_parameters(remove_duplicate=False)),
            **dict(module.named_buffers(remove_duplicate=False)),
        }
        self._fixed = {name: tensor for name, tensor in held.items() if name not in given}
        self._module = copy.deepcopy(module).to("meta").train()
        self._untrained = Snapshot(self._module)

    def restore(self) -> None:
        """Undo what earlier calls left in the module."""
        self._untrained.restore()

    def __call__(self, values: Mapping[str, Tensor], inputs: Tensor) -> Tensor:
        """Return what the module gives with these values, by layer name."""
        named = {name: values[layer] for layer, names in self._names.items() for name in names}
        outputs: Tensor = functional_call(self._module, {**self._fixed, **named}, (inputs,))
        return outputs


def stateless(module: nn.Module, trained: list[ParameterSpec]) -> Stateless | None:
    """Return a module as a function; ``None`` if clients may not be stacked.

    Batch norm would take the examples that pad a smaller batch into its statistics, recurrent
    layers have no batched kernel, and that of an embedding moves the row of its ``padding_idx``.
    Nor can a module be stacked that cannot be copied.
    """
    if has_batch_statistics(module) or any(map(_has_no_batched_kernel, module.modules())):
        return None
    try:
        return Stateless(module, trained)
    except (TypeError, RuntimeError) as error:
        log.info("clients train one by one: %s", error)
        return None


def _has_no_batched_kernel(layer: nn.Module) -> bool:
    padded = getattr(layer, "padding_idx", None) is not None
    return isinstance(layer, nn.RNNBase) or padded
