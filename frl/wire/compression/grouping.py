"""Symbols by their contexts: those of the lowest context first, each run in the order it had.

Sorting goes block by block, so that the wide indices of a block stay in the cache.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from frl.wire.compression.byte_counts import byte_counts

_BLOCK = 1 << 16


def grouped(symbols: NDArray[np.uint8], contexts: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
    """Return the symbols of each context that occurs, ascending."""
    parts: list[list[NDArray[np.uint8]]] = [[] for _ in range(256)]
    for start in range(0, symbols.size, _BLOCK):
        block, held = symbols[start : start + _BLOCK], contexts[start : start + _BLOCK]
        ordered = block.take(np.argsort(held, kind="stable"))
        begin = 0
        for context, end in _ends(held):
            parts[context].append(ordered[begin:end])
            begin = end
    return [np.concatenate(run) for run in parts if run]


def scattered(ordered: NDArray[np.uint8], contexts: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Put symbols that :func:`grouped` brought together, end to end, back to where they were."""
    counts = byte_counts(contexts)
    begins = (np.cumsum(counts) - counts).tolist()
    found = np.empty(contexts.size, dtype=np.uint8)
    for start in range(0, contexts.size, _BLOCK):
        held = contexts[start : start + _BLOCK]
        runs, before = [], 0
        for context, end in _ends(held):
            stop = begins[context] + end - before
            runs.append(ordered[begins[context] : stop])
            begins[context], before = stop, end
        found[start : start + _BLOCK][np.argsort(held, kind="stable")] = np.concatenate(runs)
    return found


def _ends(contexts: NDArray[np.uint8]) -> list[tuple[int, int]]:
    """Return each context that occurs, and how many symbols are of it or of lower ones."""
    counts = np.bincount(contexts)
    present = np.flatnonzero(counts)
    return list(zip(present.tolist(), np.cumsum(counts[present]).tolist(), strict=True))
