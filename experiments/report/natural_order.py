"""The order of texts with numbers in them: 9 % before 10 %."""

from __future__ import annotations

import re


def natural(text: object) -> list[tuple[bool, float, str]]:
    """Return a key that sorts texts with the numbers in them by size."""
    parts = re.split(r"(\d+(?:\.\d+)?)", str(text))
    return [(n % 2 == 0, float(p) if n % 2 else 0.0, p) for n, p in enumerate(parts)]
