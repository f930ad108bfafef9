"""Directions of harm: where to push a ranking, as vectors in the space of its changes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from attacks.base import Setting, Update
from attacks.geometry.change_space import ChangeSpace
from attacks.geometry.weight_space import Vector, stacked, unstacked
from frl.randomness import Purpose, generator

Ranks = dict[str, NDArray[np.float32]]


def undoing(changes: ChangeSpace, seed: int, length: float) -> Vector:
    """Mirror the ranks of some edges, ``n - 1 - q``; the others keep theirs.

    Moving all edges towards their mirrored rank would leave their order, and so the ranking, as it
    is until they reach the middle.

    Parameters
    ----------
    changes : ChangeSpace
    seed : int
        Of the run. The edges follow from it alone: with a greater length there are more of them.
    length : float
        Of the moves together.
    """
    moves = {}
    for layer, (name, q) in enumerate(changes.previous.items()):
        order = generator(seed, Purpose.CRAFT, layer=layer).permutation(q.size)
        mirrored = np.float32(q.size - 1) - 2 * q.astype(np.float32)
        chosen = order[: max(1, round(min(1.0, length**2) * q.size))]
        moves[name] = np.zeros(q.size, np.float32)
        moves[name][chosen] = mirrored[chosen]
    return _scaled(changes, moves)


def unlearning(changes: ChangeSpace, first: Vector) -> Vector:
    """Move every edge back to an earlier ranking: ``first - q``.

    Parameters
    ----------
    changes : ChangeSpace
    first : array of shape (d,)
        Positions of the earlier ranking, layers one after another.
    """
    back: Vector = stacked([changes.change(unstacked(first, changes.previous))])[0]
    return back


def fixed_noise(changes: ChangeSpace, seed: int, number: int) -> Vector:
    """Draw normal noise, alike in every layer, that follows from a run's seed and a number."""
    noise = {}
    for layer, (name, q) in enumerate(changes.previous.items()):
        rng = generator(seed, Purpose.CRAFT, client=number, layer=layer)
        noise[name] = rng.standard_normal(q.size, dtype=np.float32) * np.float32(q.size)
    return _scaled(changes, noise)


def across_boundary(
    changes: ChangeSpace, setting: Setting, mean: Vector, length: float, reach: float
) -> Vector:
    """Move edges near the boundary of the mask over it, ``reach`` times as far as they are off it.

    With ``r`` an edge's rank in ``rank(q + mean)`` and ``b`` the boundary, an edge moves by
    ``-reach * (r - b)`` if that distance is less than ``w n``, else not; ``w`` is the same in every
    layer and such that all moves together have the length given. No moves of that length carry more
    edges over, if every edge must move ``reach`` times its distance.

    Parameters
    ----------
    changes : ChangeSpace
    setting : Setting
    mean : float32 array of shape (d,)
        What honest votes are expected to change.
    length : float
        Of the moves together.
    reach : float
        Honest votes for each crafted one.
    """
    expected = changes.ranking(mean)
    boundaries = {name: setting.boundaries(name, ranks.size) for name, ranks in expected.items()}
    sides = sum(len(found) for found in boundaries.values()) / max(1, len(boundaries))
    window = (length**2 / (2 * max(1.0, sides) * reach**2)) ** (1 / 3)
    moves = {}
    for name, ranks in expected.items():
        distance = _to_nearest(ranks, boundaries[name])
        near = np.abs(distance) <= max(0.5, window * ranks.size)
        moves[name] = np.where(near, np.float32(-reach) * distance, np.float32(0))
    return _scaled(changes, moves)


def _to_nearest(ranks: NDArray[np.int32], boundaries: tuple[int, ...]) -> NDArray[np.float32]:
    """Signed distance of each rank to the nearest boundary; infinite if there is none."""
    nearest = np.full(ranks.shape, np.inf, np.float32)
    for boundary in boundaries:
        distance = ranks - np.float32(boundary - 0.5)
        nearest = np.where(np.abs(distance) < np.abs(nearest), distance, nearest)
    return nearest


def _scaled(changes: ChangeSpace, ranks: Ranks) -> Vector:
    scaled: Update = {name: moved * changes.scale(name) for name, moved in ranks.items()}
    vector: Vector = stacked([scaled])[0]
    return vector
