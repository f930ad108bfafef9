"""What is remembered of each client: how far its earlier changes were borne out."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from strategies.stack.standing import Standing

KEPT = 0.8
"""What a client's next vote leaves of the record before it."""
_FIRST = (1.0, 1.0)


def trust(state: dict[str, Tensor], clients: Sequence[int]) -> Tensor:
    """Return how far each client is trusted, from its record alone; shape (n,), 0 to 1.

    Twice the mean support that its earlier changes had, later ones counting more, and at most 1.
    A record begins as if there had been one change with full support: a single round in which
    colluders are the majority must not cost honest clients their trust. A client without a record
    is trusted, one that is never borne out counts 0.89, 0.53, 0.33, 0.22, … .

    Parameters
    ----------
    state : dict of Tensor
        With what :func:`after` returned, or without.
    clients : sequence of int
    """
    known = _records(state)
    parts = [known.get(client, _FIRST) for client in clients]
    record = torch.tensor(parts, dtype=torch.float64).reshape(-1, 2)
    return (2 * record[:, 0] / record[:, 1]).clamp(0, 1)


def after(judged: Standing, state: dict[str, Tensor], clients: Sequence[int]) -> dict[str, Tensor]:
    """Return the records with a round added, unless nobody counted in it.

    Two float64 for each client that ever voted.

    Parameters
    ----------
    judged : Standing
        Of this round's changes.
    state : dict of Tensor
        What this returned last time, among others, or without.
    clients : sequence of int
    """
    known = _records(state)
    if judged.weights.any():
        for client, support in zip(clients, judged.support.tolist(), strict=True):
            borne_out, votes = known.get(client, _FIRST)
            known[client] = (KEPT * borne_out + support, KEPT * votes + 1)
    seen = sorted(known)
    return {
        "clients": torch.tensor(seen, dtype=torch.int64),
        "records": torch.tensor([known[client] for client in seen], dtype=torch.float64),
    }


def _records(state: dict[str, Tensor]) -> dict[int, tuple[float, float]]:
    if "clients" not in state:
        return {}
    pairs = zip(state["clients"].tolist(), state["records"].tolist(), strict=True)
    return {client: (borne_out, votes) for client, (borne_out, votes) in pairs}
