"""Pluggable parts by name: registered by a decorator, installed, or named by a path."""

from __future__ import annotations

from typing import TYPE_CHECKING

from frl.registry.lazy import lazy_names

if TYPE_CHECKING:
    from frl.registry.registry import Registry
    from frl.registry.source_index import Parameter
else:
    __getattr__ = lazy_names(
        __name__,
        {"Parameter": "frl.registry.source_index", "Registry": "frl.registry.registry"},
    )

__all__ = ["Parameter", "Registry"]
