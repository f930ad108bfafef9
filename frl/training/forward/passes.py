"""Forward passes over held-out examples: batch by batch, on as many threads as torch may use.

A batch is computed on one thread, by a module as it was before any of them, and results come in
the order of the batches. So they depend neither on the number of threads nor on who is faster.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from itertools import pairwise
from queue import SimpleQueue
from typing import TypeVar, cast

import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd
from torch.nn.utils import parametrize

from frl.one_thread import one_thread
from frl.training.batch_statistics import has_batch_statistics
from frl.training.forward.randomness import seeded_forward
from frl.training.snapshot import Snapshot

log = logging.getLogger(__name__)

Found = TypeVar("Found")
Span = tuple[int, int]
_PIECE = 50
"""Images whose activations stay in the cache of a core."""


def batches(count: int, size: int, least: int = 1) -> list[Span]:
    """Cut ``count`` examples into batches, each from start to stop.

    A last batch of fewer than ``least`` examples joins the one before.
    """
    starts = list(range(0, count, size))
    if len(starts) > 1 and count - starts[-1] < least:
        starts.pop()
    return list(pairwise([*starts, count]))


def in_order(
    module: nn.Module, spans: Sequence[Span], work: Callable[[nn.Module, int, int], Found]
) -> list[Found]:
    """Do the same work on every batch, side by side, and return what was found in their order.

    A forward pass that is random even in evaluation has the same numbers each time: where any was
    drawn, the batches are done again one after another.

    Parameters
    ----------
    module : nn.Module
        On a CPU, copies of it that share its parameters are used, one for each thread.
    spans : sequence of (start, stop)
    work : callable (module, start, stop) -> result
    """
    module.eval()
    device = next((tensor.device for tensor in module.parameters()), torch.device("cpu"))
    if device.type != "cpu":
        with torch.inference_mode(), seeded_forward(0, device=device), parametrize.cached():
            return [work(module, *span) for span in spans]
    threads = max(1, min(torch.get_num_threads(), len(spans)))
    with one_thread(), seeded_forward(0), parametrize.cached():
        seeded = torch.get_rng_state()
        copies = _copies(module, threads)
        found = _side_by_side(copies, spans, work)
        if len(copies) == 1 or torch.equal(seeded, torch.get_rng_state()):
            return found
        torch.set_rng_state(seeded)
        return _side_by_side(copies[:1], spans, work)


def outputs(module: nn.Module, inputs: Tensor) -> Tensor:
    """Return what a module makes of a batch; images in pieces, unless a batch norm sees them all.

    On a CPU a network of convolutions takes half as long where a piece stays in the cache.
    """
    convolves = any(isinstance(layer, _ConvNd) for layer in module.modules())
    if inputs.device.type != "cpu" or not convolves or has_batch_statistics(module):
        return cast(Tensor, module(inputs))
    pieces = batches(len(inputs), _PIECE, _PIECE)
    return torch.cat([module(inputs[start:stop]) for start, stop in pieces])


def _side_by_side(
    copies: list[nn.Module], spans: Sequence[Span], work: Callable[[nn.Module, int, int], Found]
) -> list[Found]:
    free: SimpleQueue[tuple[nn.Module, Snapshot]] = SimpleQueue()
    for module in copies:
        free.put((module, Snapshot(module)))

    @torch.inference_mode()
    def done(span: Span) -> Found:
        module, untouched = held = free.get()
        try:
            untouched.restore()
            return work(module, *span)
        finally:
            free.put(held)

    if len(copies) == 1:
        return [done(span) for span in spans]
    with ThreadPoolExecutor(len(copies), initializer=torch.set_num_threads, initargs=(1,)) as pool:
        return list(pool.map(done, spans))


def _copies(module: nn.Module, threads: int) -> list[nn.Module]:
    """Return a copy for each thread; the module alone where something in it cannot be copied."""
    try:
        return [_copy(module) for _ in range(threads)]
    except (TypeError, RuntimeError) as error:
        log.info("evaluation on one thread: the module cannot be copied (%s)", error)
        return [module]


def _copy(module: nn.Module) -> nn.Module:
    """Copy a module but for its parameters and what its masks hold, which no pass changes."""
    masks = [part for part in module.modules() if isinstance(part, parametrize.ParametrizationList)]
    kept = [*module.parameters(), *(buffer for mask in masks for buffer in mask.buffers())]
    copied = deepcopy(module, {id(tensor): tensor for tensor in kept})
    for layer in copied.modules():
        if type(layer) is nn.MaxPool2d and not layer.return_indices:
            layer.register_forward_pre_hook(_channels_last)
            layer.register_forward_hook(_contiguous)
    return copied


def _channels_last(_: nn.Module, given: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """Lay out what a pooling layer is given: torch finds the same maxima ten times as fast."""
    first, *others = given
    if first.dim() == 4:
        first = first.contiguous(memory_format=torch.channels_last)
    return (first, *others)


def _contiguous(_: nn.Module, __: tuple[Tensor, ...], pooled: Tensor) -> Tensor:
    return pooled.contiguous()
