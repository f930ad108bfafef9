"""Seals: short digests by which an edited or damaged record is known."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

CHECK = "check"
"""Key of the seal in a row, a result and an identity."""
_LENGTH = 16


def seal(record: Mapping[str, Any], before: str = "") -> str:
    """Return the seal of a record, all but its own seal; of a row after the one with ``before``.

    Parameters
    ----------
    record : mapping
        What JSON can hold.
    before : str
        Seal of what it follows, so that rows form a chain.
    """
    content = {key: value for key, value in record.items() if key != CHECK}
    text = json.dumps(content, sort_keys=True)
    return hashlib.sha256(f"{before}\n{text}".encode()).hexdigest()[:_LENGTH]


def sealed(record: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    """Return a record with its seal."""
    return {**record, CHECK: seal(record, before)}


def broken(record: Mapping[str, Any], before: str = "") -> bool:
    """Whether a record has a seal that is not its own."""
    return CHECK in record and record[CHECK] != seal(record, before)
