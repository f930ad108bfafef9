"""Arrays by layer: what a global state and an update are, whether of rankings or of weights."""

from __future__ import annotations

from typing import Any, TypeAlias

from numpy.typing import NDArray

Arrays: TypeAlias = dict[str, NDArray[Any]]
"""Per layer, one flat array of shape (n,), in the order of the model's layers."""
