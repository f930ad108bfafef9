"""Whether a device trains a cohort as it trains the same clients one by one, and masks exactly."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from experiments.benchmarks.cohort import jobs_for, trainer_of
from experiments.benchmarks.row import Row
from frl.cohort import CohortTrainer, CudaMemory
from frl.cohort.selection import SELECTIONS, rank_rows, top_masks
from frl.ranking import Ranking, kept_edges, rank
from frl.training.selection import TopSelector, top_mask_torch

_KEEP = 0.5
_ROWS = 3


def exact(model: str, device: str) -> Row:
    """Compare masks and rankings of random scores, many of them equal, with those of NumPy.

    Parameters
    ----------
    model : str
        Whose layers are masked.
    device : str
    """
    drawn, wrong, layers = torch.Generator().manual_seed(0), 0, _layers(model)
    for n in layers:
        k = kept_edges(n, _KEEP)
        values = torch.randn(_ROWS, n, generator=drawn)
        values[:, ::3] = values[:, ::3].round()
        there, each = values.to(device), values.numpy()
        masks = np.stack([TopSelector(k).mask(row) for row in each])
        for how in SELECTIONS:
            wrong += _unlike(top_masks(there, k, how).cpu().numpy(), masks)
        wrong += _unlike(top_mask_torch(there[0], k).cpu().numpy(), masks[0])
        wrong += _unlike(rank_rows(there).cpu().numpy(), np.stack([rank(row) for row in each]))
    figure = f"edges of {model} masked or ranked otherwise than by NumPy, with ties"
    details: dict[str, float | str] = {"layers": len(layers), "ways": ", ".join(SELECTIONS)}
    return Row(f"exact-{model}", figure, wrong, 0.0, "lower", details)


def alike(model: str, device: str, clients: int) -> list[Row]:
    """Train clients of unequal shards one by one, as a cohort, and as a cohort again.

    Only the order of additions may differ between one by one and together, and nothing between
    two cohorts of the same clients.
    """
    trainer = trainer_of(model, device)
    memory = CudaMemory(device) if device == "cuda" else None
    cohort = CohortTrainer(trainer, stacked=True, memory=memory)
    jobs = jobs_for(trainer, model, device, clients, sizes=(60, 13, 41, 8, 25))
    alone = [trainer.train(*job)[0] for job in jobs]
    first, again = ([_ranking(one) for one in cohort.train_all(jobs)] for _ in range(2))
    tipped = max(
        _tipped(mine, its) / max(2, mine.size // 1000)
        for one, other in zip(alone, first, strict=True)
        for mine, its in zip(one.values(), other.values(), strict=True)
    )
    likeness = min(
        _spearman(mine, its)
        for one, other in zip(alone, first, strict=True)
        for mine, its in zip(one.values(), other.values(), strict=True)
    )
    moved = sum(
        _unlike(mine, its)
        for one, other in zip(first, again, strict=True)
        for mine, its in zip(one.values(), other.values(), strict=True)
    )
    what = f"{clients} {model} clients"
    apart = (
        f"{what}, one by one and together: mask edges of a layer that differ / what rounding may "
        "tip, two or one in a thousand"
    )
    changed = f"{what}, together twice: edges ranked otherwise"
    if cohort.singly:
        why = {"not_measured": f"{cohort.singly} members of two cohorts fell back to one by one"}
        return [
            Row(f"alike-{model}", apart, None, 1.0, "lower", why),
            Row(f"repeated-{model}", changed, None, 0.0, "lower", why),
        ]
    return [
        Row(f"alike-{model}", apart, tipped, 1.0, "lower", {"least_spearman": likeness}),
        Row(f"repeated-{model}", changed, moved, 0.0, "lower", {}),
    ]


def _layers(model: str) -> list[int]:
    """Edges of the layers of a model, each size once."""
    return sorted({ranks.size for ranks in trainer_of(model, "cpu").initial.values()})


def _ranking(done: object) -> Ranking:
    if isinstance(done, Exception):
        raise done
    assert isinstance(done, tuple)
    ranking: Ranking = done[0]
    return ranking


def _unlike(found: NDArray[np.generic], expected: NDArray[np.generic]) -> int:
    return int(np.count_nonzero(found != expected))


def _tipped(one: NDArray[np.int32], other: NDArray[np.int32]) -> int:
    """Count the edges that are in one mask alone."""
    out = one.size - kept_edges(one.size, _KEEP)
    return _unlike(one >= out, other >= out)


def _spearman(one: NDArray[np.int32], other: NDArray[np.int32]) -> float:
    """Rank correlation of two rankings, which have no ties."""
    n = float(one.size)
    apart = (one - other).astype(np.float64)
    return 1.0 - 6.0 * float(apart @ apart) / (n * (n * n - 1.0)) if n > 1 else 1.0
