"""Federated rank learning: clients rank the edges of a fixed random network, a server votes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn


def load_model(path: str | Path) -> nn.Module:
    """Build the network of a file that ``frl export`` wrote: a plain torch module.

    Raises
    ------
    InputError
        If it is no model file, or damaged.
    """
    from frl.model_file import load_model

    return load_model(path)


__all__ = ["load_model"]
