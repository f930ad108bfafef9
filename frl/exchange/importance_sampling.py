"""Importance sampling of masks in blocks: which of the shared samples of a block is sent.

Both sides draw the same ``2^bits`` masks by the global probabilities ``p``. A client whose own
probabilities are ``q`` sends, for each block, the index ``k`` of one of them, drawn with weights
``q(x_k) / p(x_k)``: with many samples that is a draw of ``q`` (minimal random coding; Havasi et
al., ICLR 2019; for federated learning KLMS, Isik et al., AISTATS 2024, arXiv:2306.12625).
"""

from __future__ import annotations

from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from frl.arrays import Arrays
from frl.exchange.ballots import noise
from frl.randomness import Purpose, generator
from frl.task import Task
from frl.wire.codings.klms import LENGTHS

_LEAST = 0.01
"""Least probability of the samples, and one less the greatest: where training begins."""
_PARTS = 1 << 16
_PER_WORD = 4
_CERTAIN = 2.0**-12
"""No trained probability counts as nearer to 0 or 1: a sample that lacks its bit stays possible."""
_GRAIN = 1 << 12
"""Parts of a bit of log-likelihood; sums of whole parts are the same in any order."""
_KL_GRAIN = 1 << 20
_LONGEST = LENGTHS[np.searchsorted(LENGTHS, np.arange(LENGTHS[-1] + 1).clip(1), side="right") - 1]
"""Length of a block by the edges that its budget allows."""
_JUMP = 1024
"""Edges that take about as long to draw as one jump to the sample of a block."""


def sample_probability(p: NDArray[np.float32]) -> NDArray[np.uint16]:
    """Probability of ones in the shared samples, in 65536ths: the global one within [.01, .99]."""
    inside = np.clip(np.nan_to_num(p), _LEAST, 1 - _LEAST)
    return np.rint(inside.astype(np.float64) * _PARTS).astype(np.uint16)


def blocks(p: NDArray[np.uint16], q: NDArray[np.float64], budget: float) -> NDArray[np.int64]:
    """Cut a layer where the divergence ``KL(q || p)`` of a block would exceed a budget.

    Parameters
    ----------
    p : uint16 array of shape (n,)
        From :func:`sample_probability`.
    q : float64 array of shape (n,)
        Trained probabilities within (0, 1).
    budget : float
        In bits; an edge that takes more has a block of its own.

    Returns
    -------
    int64 array
        First edges, ascending; lengths are of :data:`frl.wire.codings.klms.LENGTHS`, but for the
        last.
    """
    ones = p / _PARTS
    divergence = q * np.log2(q / ones) + (1 - q) * np.log2((1 - q) / (1 - ones))
    spent = np.cumsum(np.rint(divergence * _KL_GRAIN).astype(np.int64))
    before = np.append(0, spent[:-1])
    ends = np.searchsorted(spent, before + round(budget * _KL_GRAIN), side="right")
    rooms = ends - np.arange(p.size)
    after = np.arange(p.size) + _LONGEST.take(np.minimum(rooms, LENGTHS[-1]))
    after[(ends == p.size) & (rooms <= LENGTHS[-1])] = p.size
    steps, starts, start = after.tolist(), [], 0
    while start < p.size:
        starts.append(start)
        start = steps[start]
    return np.array(starts, dtype=np.int64)


def choose(p: Arrays, q: Arrays, bits: int, budget: float, task: Task) -> Arrays:
    """Draw a sample for each block.

    Parameters
    ----------
    p : mapping of layer name to float32 array of shape (n,)
        Global probabilities.
    q : mapping of layer name to float array of shape (n,)
        Trained ones; anything beyond [0, 1] counts as its end.
    bits : int
    budget : float
    task : Task

    Returns
    -------
    dict of layer name to uint16 array of shape (n,)
        Of :class:`frl.wire.codings.klms.Klms`.
    """
    return {
        name: _choose_layer(sample_probability(ones), q[name], bits, budget, task, layer)
        for layer, (name, ones) in enumerate(p.items())
    }


def chosen(p: Arrays, choices: Arrays, task: Task) -> dict[str, NDArray[np.uint8]]:
    """Draw the bits of chosen samples again.

    Takes time for each block or, where they are many, for each sample.

    Parameters
    ----------
    p : mapping of layer name to float32 array of shape (n,)
        Global probabilities.
    choices : mapping of layer name to uint16 array of shape (n,)
        From :func:`choose`.
    task : Task
    """
    return {
        name: _chosen_layer(sample_probability(ones), choices[name], task, layer)
        for layer, (name, ones) in enumerate(p.items())
    }


class _Samples:
    """The shared samples of one layer, drawn where they are asked for.

    Parameters
    ----------
    p : uint16 array of shape (n,)
        From :func:`sample_probability`.
    task : Task
    layer : int
        Number of the layer.
    """

    def __init__(self, p: NDArray[np.uint16], task: Task, layer: int) -> None:
        self._p = p
        rng = noise(task.seed, task.round, task.client, layer)
        self._words = cast(np.random.PCG64, rng.bit_generator)
        self._sample = -(-p.size // _PER_WORD)
        self._at = 0

    def bits(self, index: int, start: int, end: int) -> NDArray[np.bool_]:
        """Return the edges from ``start`` to ``end`` of one sample."""
        first, last = start // _PER_WORD, -(-end // _PER_WORD)
        begin = index * self._sample + first
        self._words.advance((begin - self._at) % (1 << 128))
        self._at = begin + last - first
        words = self._words.random_raw(last - first).astype("<u8", copy=False).view("<u2")
        skipped = start - _PER_WORD * first
        return words[skipped : skipped + end - start] < self._p[start:end]


def _choose_layer(
    p: NDArray[np.uint16], q: NDArray[Any], bits: int, budget: float, task: Task, layer: int
) -> NDArray[np.uint16]:
    """Draw by the Gumbel-max trick, sample after sample: memory does not grow with their number."""
    choices = np.zeros(p.size, dtype=np.uint16)
    if not p.size:
        return choices
    inside = np.clip(np.nan_to_num(q.astype(np.float64)), _CERTAIN, 1 - _CERTAIN)
    starts = blocks(p, inside, budget)
    odds = np.log2(inside / (1 - inside)) - np.log2(p / (_PARTS - p.astype(np.float64)))
    gains = np.rint(odds * _GRAIN).astype(np.int32)
    best, found = np.full(starts.size, -np.inf), np.zeros(starts.size, dtype=np.uint16)
    samples = _Samples(p, task, layer)
    rng = generator(task.seed, Purpose.CHOOSE, round=task.round, client=task.client, layer=layer)
    for index in range(1 << bits):
        likelihood = np.add.reduceat(gains * samples.bits(index, 0, p.size), starts)
        score = likelihood * (np.log(2) / _GRAIN) + rng.gumbel(size=starts.size)
        better = score > best
        best[better], found[better] = score[better], index
    choices[starts] = found + np.uint16(1)
    return choices


def _chosen_layer(
    p: NDArray[np.uint16], choices: NDArray[np.uint16], task: Task, layer: int
) -> NDArray[np.uint8]:
    bits, samples = np.zeros(p.size, dtype=np.uint8), _Samples(p, task, layer)
    starts = np.flatnonzero(choices)
    indices, ends = choices[starts] - np.uint16(1), np.append(starts[1:], p.size)
    used = np.unique(indices)
    if used.size * p.size < _JUMP * starts.size:
        of_edge = np.repeat(indices, ends - starts)
        for index in used.tolist():
            np.copyto(bits, samples.bits(index, 0, p.size), where=of_edge == index)
        return bits
    for index, start, end in zip(indices.tolist(), starts.tolist(), ends.tolist(), strict=True):
        bits[start:end] = samples.bits(index, start, end)
    return bits
