"""The JSON lines that ``strategies.Robust`` writes of every node and round, read back."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from frl.errors import InputError

KINDS = {"": "counted", "gate": "rejected by the gate", "rule": "dropped by the rule"}
_KEYS = ("round", "client", "weight", "reason")


def read_verdicts(paths: Sequence[Path]) -> pd.DataFrame:
    """Read files of verdicts.

    Returns
    -------
    DataFrame
        Columns ``run`` (the file), ``round``, ``client``, ``weight``, ``reason`` and
        ``kind``, a value of ``KINDS``. Replies of nobody who was asked are left out.

    Raises
    ------
    InputError
        If a file cannot be read, holds something else or nothing.
    """
    rows = [row for path in paths for row in _rows(path)]
    if not rows:
        raise InputError(f"no verdicts in {', '.join(map(str, paths))}")
    return pd.DataFrame(rows, columns=["run", *_KEYS, "kind"])


def _rows(path: Path) -> list[tuple[object, ...]]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: {error}") from None
    rows: list[tuple[object, ...]] = []
    for number, line in enumerate(lines, start=1):
        try:
            told = json.loads(line)
            row = (str(path), *(told[key] for key in _KEYS), KINDS[told["by"]])
            known = told["client"] >= 0
        except (ValueError, KeyError, TypeError):
            raise InputError(f"{path}:{number}: no verdict of strategies.Robust") from None
        if known:
            rows.append(row)
    return rows
