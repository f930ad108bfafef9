"""Pluggable parts by name: registered by a decorator, installed, or named by a path."""

from frl.registry.registry import Registry
from frl.registry.source_index import Parameter

__all__ = ["Parameter", "Registry"]
