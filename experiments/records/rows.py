"""The rows of a run, one JSON object a line; each is sealed after the one before."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from experiments.records.fields import ROW, what_is_wrong
from experiments.records.json_text import parsed, recordable
from experiments.records.seals import CHECK, broken, seal, sealed


class Rows(NamedTuple):
    """Rows up to the first damaged line.

    Attributes
    ----------
    rows : list of dict
        Without their seals.
    lines : list of bytes
        The same as they were read.
    seals : list of str
        The seal that each has, or would have had in a record older than seals.
    sealed : bool
        Whether the rows were written with seals.
    damage : str
        What is wrong with the next line; empty where nothing is.
    cut : bool
        Whether a last line that was cut off is left out.
    """

    rows: list[dict[str, Any]]
    lines: list[bytes]
    seals: list[str]
    sealed: bool
    damage: str
    cut: bool = False

    def seal_after(self, round: int) -> str:
        """Return the seal of the row of a round; empty before the first."""
        return self.seals[round - 1] if 0 < round <= len(self.seals) else ""


def line_of(row: Mapping[str, Any], before: str) -> tuple[bytes, str]:
    """Return the line of a row that follows one with the seal ``before``, and its own seal."""
    whole = sealed(json.loads(json.dumps(recordable(row), allow_nan=False)), before)
    return (json.dumps(whole) + "\n").encode(), str(whole[CHECK])


def read_rows(path: Path, most: int | None = None) -> Rows:
    """Read rows, at most the first so many; a last line that was cut off is left out."""
    found = Rows([], [], [], False, "")
    try:
        *lines, rest = path.read_bytes().split(b"\n")
    except FileNotFoundError:
        return found
    except OSError as error:
        return found._replace(damage=f"{path}: {error.strerror}")
    found = found._replace(cut=bool(rest))
    for number, line in enumerate(lines[:most], start=1):
        try:
            row = parsed(line)
        except ValueError:
            row = None
        if not isinstance(row, dict) or row.get("round") != number:
            damage = f"{path} is damaged: line {number} is not the row of that round"
            return found._replace(damage=damage)
        before = found.seals[-1] if found.seals else ""
        if broken(row, before) or (found.sealed and CHECK not in row):
            damage = f"{path} was changed: line {number} is not as the run wrote it"
            return found._replace(damage=damage)
        if wrong := what_is_wrong(row, ROW):
            return found._replace(damage=f"{path} is damaged: line {number}: {wrong}")
        found = found._replace(sealed=found.sealed or CHECK in row)
        found.seals.append(seal(row, before))
        found.lines.append(line + b"\n")
        found.rows.append({key: value for key, value in row.items() if key != CHECK})
    return found
