"""Vulnerable-edge manipulation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from annotated_types import Ge
from numpy.typing import NDArray

from attacks import register
from attacks.base import AttackState, Crafted, CraftView, Setting, Space, Update
from attacks.geometry.consensus import ascending, summed
from attacks.geometry.informed import Informed
from frl.mask import coat_sizes
from frl.ranking import Positions, kept_edges
from frl.registry.ranges import Positive, PositiveCount, Share


@register("vem")
@dataclass(frozen=True)
class VEM(Informed):
    r"""Colluders permute the ranks of the vulnerable edges to move their sum the farthest.

    Threat model: as published, colluders read the rankings of benign clients of this round
    (``source="benign"``); with ``source="colluders"`` they use their own honest ones, and with
    ``source="history"`` they judge them by the past as well: the estimate of the benign sum is then
    ``memory`` times what the votes would be if they moved the global ranking ``q_t`` on as it moved
    in the colluders' past rounds (a running mean of ``q_t - q_{t-1}``), plus ``1 - memory`` times
    the one from their own rankings. Each of the ``M`` colluders copies one known ranking and
    changes only its ranks inside the window.

    Window: with ``w`` the known rankings' sum scaled to the number of benign clients and ``w_k``
    its value at the mask's boundary, the edges with ``|w - w_k| <= M (n - 1)``: those whose mask
    state ``M`` votes may change. A mask of several coats has as many boundaries and windows, which
    are taken together. Formula: permutations ``P_j`` of the window's ranks ``x_j`` that
    maximise ``|| w - sum_j x_j P_j ||_2``. It has a closed form: the sum is longest when
    all ``x_j P_j`` ascend together and its product with ``w`` smallest when they descend along
    ``w``, so reversing every ``x_j`` within the window is optimal.

    Parameters
    ----------
    source : {"colluders", "benign", "history"}
    method : {"closed_form", "gumbel_sinkhorn"}
        ``"gumbel_sinkhorn"`` is the published optimisation, which needs dense matrices of the
        window's size squared and therefore a bound on it; seconds to minutes a round.
    max_t : int
        Largest window of ``"gumbel_sinkhorn"``, centred at the boundary.
    steps, lr, temperature : int, float, float
        Of ``"gumbel_sinkhorn"``.
    memory : float
        0 to 1; of ``source="history"``.

    References
    ----------
    Gong et al., IEEE S&P 2025, arXiv:2503.08976.
    """

    space: ClassVar[Space] = "ranks"
    formula: ClassVar[str] = "in the window |w - w_k| <= M (n - 1) ranks descend along w"
    paper: ClassVar[str] = "Gong et al., IEEE S&P 2025, arXiv:2503.08976"

    source: Literal["colluders", "benign", "history"] = "colluders"  # type: ignore[assignment]
    method: Literal["closed_form", "gumbel_sinkhorn"] = "closed_form"
    max_t: Annotated[int, Ge(2)] = 2000
    steps: PositiveCount = 50
    lr: Positive = 0.1
    temperature: Positive = 1e-4
    memory: Share = 0.5

    search: ClassVar[Mapping[str, tuple[Any, ...]]] = {
        "method": (),
        "lr": (),
        "temperature": (),
        "memory": (0.2, 0.8),
    }

    def craft(self, view: CraftView, count: int, rng: np.random.Generator) -> Crafted:
        """Give each colluder a copied ranking with its window permuted."""
        known = self.known(view)
        benign = view.sampled - count
        state = trend(view.previous, view.state) if self.source == "history" else view.state
        updates: list[Update] = [{} for _ in range(count)]
        for name, previous in view.previous.items():
            votes = [vote[name] for vote in known]
            total = summed(votes)
            if self.source == "history":
                total = _foreseen(total, len(votes), previous + state[f"trend/{name}"], self.memory)
            order = ascending(total, previous)
            edges = self._window(
                order, total[order] * benign / len(votes), view.setting, malicious=count
            )
            chosen = [votes[j % len(votes)] for j in range(count)]
            for update, ranks in zip(
                updates, self._permuted(edges, total, chosen, rng), strict=True
            ):
                update[name] = ranks
        return Crafted(updates, state)

    def _window(
        self,
        order: NDArray[np.int32],
        ascending_sum: NDArray[np.float64],
        setting: Setting,
        malicious: int,
    ) -> NDArray[np.int32]:
        """Return the vulnerable edges around the boundary of every coat."""
        n = order.size
        boundaries = [n - size for size in coat_sizes(n, setting.keep, setting.coats)]
        chosen = np.zeros(n, np.bool_)
        for boundary in boundaries:
            window = _around(ascending_sum, boundary, malicious)
            chosen[self._bounded(window, boundary, self.max_t // len(boundaries))] = True
        return order[chosen]

    def _bounded(self, window: slice, boundary: int, most: int) -> slice:
        if self.method == "closed_form" or window.stop - window.start <= most:
            return window
        start = min(max(window.start, boundary - most // 2), window.stop - most)
        return slice(start, start + most)

    def _permuted(
        self,
        edges: NDArray[np.int32],
        total: NDArray[np.int64],
        votes: list[Positions],
        rng: np.random.Generator,
    ) -> list[Positions]:
        if self.method == "closed_form":
            return [reversed_within(vote, edges) for vote in votes]
        from attacks.geometry.gumbel_sinkhorn import farthest_permutations

        windows = np.stack([vote[edges] for vote in votes])
        moved = farthest_permutations(
            total[edges], windows, self.steps, self.lr, self.temperature, rng
        )
        return [_with(vote, edges, ranks) for vote, ranks in zip(votes, moved, strict=True)]


def trend(previous: Update, state: AttackState) -> AttackState:
    """Average how the global ranking moved, with weight one half on the last time.

    Parameters
    ----------
    previous : Update
        Global ranking of this round.
    state : AttackState
        What this returned in the colluders' last round: of each layer, ``last/NAME`` is the ranking
        and ``trend/NAME`` the float32 mean move; empty at first, which counts as no move.
    """
    moves: AttackState = {}
    for name, q in previous.items():
        moved = (q - state.get(f"last/{name}", q)).astype(np.float32)
        moves[f"last/{name}"] = q
        moves[f"trend/{name}"] = (moved + state.get(f"trend/{name}", moved)) / 2
    return moves


def _foreseen(
    total: NDArray[np.int64], votes: int, expected: NDArray[np.float32], memory: float
) -> NDArray[np.int64]:
    """Mix a sum of votes with that of as many votes that are as expected."""
    mixed = (1 - memory) * total + memory * votes * expected.astype(np.float64)
    foreseen: NDArray[np.int64] = np.rint(mixed).astype(np.int64)
    return foreseen


def vulnerable(ascending_sum: NDArray[np.float64], keep: float, malicious: int) -> slice:
    """Window of the edges whose mask state ``malicious`` votes may change.

    Parameters
    ----------
    ascending_sum : float64 array of shape (n,)
        Estimated sum of the benign votes, sorted.
    keep : float
    malicious : int

    Returns
    -------
    slice
        Of the sorted edges.
    """
    n = ascending_sum.size
    return _around(ascending_sum, n - kept_edges(n, keep), malicious)


def _around(ascending_sum: NDArray[np.float64], boundary: int, malicious: int) -> slice:
    """Window of the edges that ``malicious`` votes may carry over one boundary."""
    n = ascending_sum.size
    at = ascending_sum[min(n - 1, boundary)]
    lift = malicious * (n - 1)
    low = np.searchsorted(ascending_sum, at - lift, side="left")
    high = np.searchsorted(ascending_sum, at + lift, side="right")
    return slice(int(low), int(high))


def reversed_within(vote: Positions, edges: NDArray[np.int32]) -> Positions:
    """Let a ranking descend along some edges, using the ranks that it gave to them.

    Parameters
    ----------
    vote : int32 positions of shape (n,)
        Not modified.
    edges : int32 array
        Edge ids in ascending order of the sum to work against.
    """
    return _with(vote, edges, np.sort(vote[edges])[::-1])


def _with(vote: Positions, edges: NDArray[np.int32], ranks: Positions) -> Positions:
    changed = vote.copy()
    changed[edges] = ranks
    return changed
