"""How clients, strategies and attacks are put together, run, recorded and plotted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from experiments.api import run

__all__ = ["run"]


def __getattr__(name: str) -> Any:
    """Import on first use, for torch is slow to import."""
    if name != "run":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from experiments.api import run

    return run
