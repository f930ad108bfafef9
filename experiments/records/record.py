"""The record of a run, read whole: its parts belong together, or it is refused."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any, NamedTuple

from experiments import config as configuration
from experiments.records.identity import IDENTITY, Identity, read_identity
from experiments.records.result_file import read_result, refuse_strange
from experiments.records.rows import read_rows
from frl.errors import InputError

log = logging.getLogger(__name__)

CONFIG, ROUNDS, RESULT = "config.toml", "rounds.jsonl", "result.json"


class Record(NamedTuple):
    """What is on record of a run, but for its checkpoints.

    Attributes
    ----------
    flat : dict
        Configuration with dotted keys, as it was recorded and so not checked; the place of the
        data is that of the beginning.
    identity : Identity or None
        ``None`` in a record older than identities.
    rows : list of dict
    result : dict or None
        ``None`` for a run that has not finished.
    """

    flat: dict[str, Any]
    identity: Identity | None
    rows: list[dict[str, Any]]
    result: dict[str, Any] | None


def read_record(folder: Path) -> Record:
    """Read the record of a run.

    Raises
    ------
    InputError
        If a part is damaged or missing, or does not belong to the others.
    """
    result_path = folder / RESULT
    found = read_result(result_path)
    flat, identity = configuration.recorded(folder / CONFIG), identity_of(folder)
    if identity:
        identity.refuse_other(flat, folder / CONFIG)
        flat |= identity.place
    rows = read_rows(folder / ROUNDS)
    if rows.damage:
        raise InputError(rows.damage)
    if rows.cut:
        log.warning("%s: its last line is cut off and left out", folder / ROUNDS)
    if found is None:
        return Record(flat, identity, rows.rows, None)
    result, seals = found
    own = identity.seal if identity else ""
    refuse_strange(result_path, result, seals, rows, own, flat["rounds"])
    return Record(flat, identity, rows.rows, result)


def identity_of(folder: Path) -> Identity | None:
    """Read what a run is; ``None`` in a record older than identities.

    Raises
    ------
    InputError
        If it is damaged, or missing where there was one.
    """
    found = read_identity(folder)
    if found is None and read_rows(folder / ROUNDS, most=1).sealed:
        raise InputError(f"{folder} lacks its {IDENTITY}")
    return found
