"""The result of a run as it is written down, and the check that it belongs to the record."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from experiments.records.fields import RESULT as FIELDS
from experiments.records.fields import what_is_wrong
from experiments.records.json_text import json_text, parsed_file, recordable
from experiments.records.rows import Rows
from experiments.records.seals import CHECK, broken, sealed
from frl.errors import InputError

ERROR = "error"
"""Key of a result that means nothing: why."""
_ROWS, _IDENTITY = "rows_seal", "identity_seal"
_OWN = (CHECK, _ROWS, _IDENTITY)


def result_text(result: Mapping[str, Any], rows_seal: str, identity_seal: str) -> str:
    """Return a result as it is written: sealed, and tied to the rows and the identity."""
    ties = {_ROWS: rows_seal, _IDENTITY: identity_seal}
    return json_text(sealed({**recordable(result), **ties}), indent=2) + "\n"


def read_result(path: Path) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """Read a result, and apart from it its seals; ``None`` where there is none.

    Raises
    ------
    InputError
        If it is damaged.
    """
    try:
        found = parsed_file(path)
    except FileNotFoundError:
        return None
    if not isinstance(found, dict):
        raise InputError(f"{path} is damaged: it holds no table")
    if broken(found):
        raise InputError(f"{path} was changed: it is not as the run wrote it")
    if wrong := what_is_wrong(found, FIELDS):
        raise InputError(f"{path} is damaged: {wrong}")
    seals = {key: found.pop(key) for key in _OWN if key in found}
    return found, seals


def refuse_strange(
    path: Path,
    result: Mapping[str, Any],
    seals: Mapping[str, Any],
    rows: Rows,
    identity_seal: str,
    rounds: object,
) -> None:
    """Raise ``InputError`` unless a result belongs to its rows, its identity and its configuration.

    Parameters
    ----------
    path : Path
        Of the result.
    result, seals : mapping
        As :func:`read_result` returns them.
    rows : Rows
    identity_seal : str
    rounds : object
        Of the configuration.
    """
    if rows.sealed and not set(_OWN) <= set(seals):
        raise InputError(f"{path} was changed: it lacks its seals")
    if result["rounds"] != rounds:
        raise InputError(f"{path} is of {result['rounds']} rounds, the configuration of {rounds}")
    if len(rows.rows) != result["rounds"]:
        raise InputError(f"{path} is of {result['rounds']} rounds, the rows of {len(rows.rows)}")
    last_seal = rows.seal_after(result["rounds"])
    if seals.get(_ROWS, last_seal) != last_seal:
        raise InputError(f"{path} is of other rows than those beside it")
    if seals.get(_IDENTITY, identity_seal) != identity_seal:
        raise InputError(f"{path} is of another run than the identity beside it")
    last = rows.rows[-1]["accuracy"] if rows.rows else None
    if last is not None and last != result["accuracy"]:
        raise InputError(f"{path}: accuracy {result['accuracy']}; the last row says {last}")
