"""JSON as the standard has it: what is not a finite number becomes null, and is named."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from frl.errors import InputError

NOT_FINITE = "not_finite"
"""Key under which a record says which of its nulls were no finite numbers."""
_DEEPEST = 50


def json_text(value: Any, indent: int | None = None) -> str:
    """Write as JSON; NaN and infinities as null."""
    return json.dumps(plain(value), indent=indent, allow_nan=False)


def plain(value: Any) -> Any:
    """Replace what is not a finite number by ``None``, and tuples by lists."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    return value


def recordable(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return a record as it is written: with nulls, and under ``not_finite`` what they were."""
    odd = dict(_odd(record))
    return {**plain(record), **({NOT_FINITE: odd} if odd else {})}


def parsed(text: str | bytes) -> Any:
    """Read JSON; the NaN and Infinity of older records as ``None``.

    Raises
    ------
    ValueError
        If it is none, or nested too deeply.
    """
    try:
        found = json.loads(text, parse_constant=lambda _: None)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if _depth(found) > _DEEPEST:
        raise ValueError("nested too deeply")
    return found


def parsed_file(path: Path) -> Any:
    """Read a file of JSON, as :func:`parsed` does.

    Raises
    ------
    FileNotFoundError
        If there is none.
    InputError
        If it cannot be read, or is damaged.
    """
    try:
        return parsed(path.read_bytes())
    except FileNotFoundError:
        raise
    except (OSError, ValueError) as error:
        raise InputError(f"{path} is damaged: {error}") from None


def _odd(value: Any, at: str = "") -> list[tuple[str, str]]:
    if isinstance(value, float):
        return [] if math.isfinite(value) else [(at, str(value))]
    if isinstance(value, Mapping):
        parts = [(f"{at}.{key}" if at else str(key), inner) for key, inner in value.items()]
    elif isinstance(value, list | tuple):
        parts = [(f"{at}.{number}", inner) for number, inner in enumerate(value)]
    else:
        return []
    return [found for place, inner in parts for found in _odd(inner, place)]


def _depth(value: Any) -> int:
    if isinstance(value, dict):
        return 1 + max(map(_depth, value.values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(_depth, value), default=0)
    return 0
