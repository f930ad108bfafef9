"""How likely a yes-or-no vote on an edge fails, as a table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from rich.console import Console
from rich.table import Table

from strategies.certificates.vote_failure import cantelli, exact, half_sqrt

_RIGHT = (0.6, 0.7, 0.8, 0.9)
_SHARES = (0.0, 0.1, 0.2, 0.3, 0.4)


class Failure(NamedTuple):
    """Probability of failure in one place, and what bounds it.

    Attributes
    ----------
    right : float
        Probability that a benign voter is right.
    malicious : int
        Voters that reverse what they think.
    exact, cantelli, half_sqrt : float
        The last may exceed 1.
    """

    right: float
    malicious: int
    exact: float
    cantelli: float
    half_sqrt: float


def failure_table(clients: int) -> list[Failure]:
    """Compute the table for a number of voters.

    Raises
    ------
    InputError
        If there are none or too many.
    """
    rows = []
    for right in _RIGHT:
        for malicious in sorted({round(share * clients) for share in _SHARES}):
            share = malicious / max(1, clients)
            bounds = cantelli(clients, share, right), half_sqrt(clients, share, right)
            rows.append(Failure(right, malicious, exact(clients, malicious, right), *bounds))
    return rows


def print_failure_table(clients: int, rows: Sequence[Failure]) -> None:
    """Print the table."""
    console = Console()
    console.print(f"probability that a yes-or-no vote of {clients} clients on an edge fails")
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("benign voter right", "malicious", "exact", "Cantelli", "half-sqrt"):
        table.add_column(column, justify="right")
    for row in rows:
        bounds = (f"{value:.4f}" for value in (row.exact, row.cantelli, row.half_sqrt))
        table.add_row(f"{row.right:.1f}", str(row.malicious), *bounds)
    console.print(table)
