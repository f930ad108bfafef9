"""A run built from its configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from experiments.setup.setup import Setup

__all__ = ["Setup"]


def __getattr__(name: str) -> Any:
    """Import on first use: a SuperNode that answers a query needs no torch."""
    if name != "Setup":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from experiments.setup.setup import Setup

    return Setup
