"""Parts that may assume a number of malicious clients, their parameter ``f``."""

from __future__ import annotations

import dataclasses
from typing import Any, Self, cast


class Assuming:
    """A frozen dataclass that has a field ``f``, or has none and assumes no number."""

    @property
    def assumed_f(self) -> int | None:
        """Malicious clients that it assumes; ``None`` where it assumes no number."""
        return getattr(self, "f", None)

    def assuming(self, f: int) -> Self:
        """Return a copy that assumes ``f`` malicious clients, or itself where it assumes none."""
        if self.assumed_f is None:
            return self
        return cast(Self, dataclasses.replace(cast(Any, self), f=f))
