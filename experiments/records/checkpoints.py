"""Checkpoints: where a run stands after a round, with a checksum; the last two are kept."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from experiments.records.atomic_files import make_folder, write_atomically
from experiments.records.record import identity_of
from frl.arrays import Arrays
from frl.errors import InputError
from frl.exchange.messages import digest

log = logging.getLogger(__name__)

_KEPT = 2
_NAME = re.compile(r"round-\d{8,}\.safetensors", re.ASCII)
_CHECKSUM = "sha256"


class Checkpoint(NamedTuple):
    """The state of a run after a round.

    Attributes
    ----------
    round : int
    state : Arrays
        Global state.
    progress : dict
        What the result needs to know of the rounds so far.
    memory : Arrays
        What the strategy, the attack and the clients remember.
    rows_seal, identity_seal : str
        Seals of the last row before and of the run; empty in a record older than seals.
    """

    round: int
    state: Arrays
    progress: dict[str, Any]
    memory: Arrays
    rows_seal: str = ""
    identity_seal: str = ""


def save_checkpoint(folder: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint whole or not at all, and remove all but the last two.

    Raises
    ------
    StoppedError
        If it cannot be written; the earlier ones are as they were then.
    """
    make_folder(folder)
    tensors = {
        f"{part}/{name}": np.asarray(array, order="C")
        for part, arrays in (("state", checkpoint.state), ("memory", checkpoint.memory))
        for name, array in arrays.items()
    }
    about = {
        "round": str(checkpoint.round),
        "names": json.dumps(list(tensors)),
        "progress": json.dumps(checkpoint.progress),
        "rows_seal": checkpoint.rows_seal,
        "identity_seal": checkpoint.identity_seal,
    }
    about[_CHECKSUM] = _checksum(about, tensors)
    path = folder / f"round-{checkpoint.round:08d}.safetensors"
    write_atomically(path, save(tensors, metadata=about))
    for old in _newest_first(folder)[_KEPT:]:
        old.unlink(missing_ok=True)


def last_checkpoint(folder: Path) -> Checkpoint | None:
    """Read the newest checkpoint that is whole; ``None`` where there is none at all.

    Raises
    ------
    InputError
        If there are some, and all are damaged.
    """
    damage = ""
    for path in _newest_first(folder):
        try:
            found = _read(path)
        except (SafetensorError, KeyError, ValueError, TypeError, OSError) as error:
            damage = f"{path} is damaged: {error}"
            log.warning("%s; trying the one before", damage)
            continue
        return found
    if damage:
        rows = folder.with_name("rounds.jsonl")
        raise InputError(f"{damage}; without {folder} and {rows} the run begins anew")
    return None


def rounds_kept(folder: Path) -> tuple[int, ...]:
    """List the rounds that have a checkpoint, whole or damaged, ascending."""
    return tuple(sorted(int(path.stem.partition("-")[2]) for path in _newest_first(folder)))


def checkpoint_of(folder: Path, round: int) -> Checkpoint:
    """Read the checkpoint after a round.

    Raises
    ------
    InputError
        If there is none, or it is damaged or of another run.
    """
    path = folder / f"round-{round:08d}.safetensors"
    try:
        found = _read(path)
    except FileNotFoundError:
        raise InputError(f"{path}: no such checkpoint") from None
    except (SafetensorError, KeyError, ValueError, TypeError, OSError) as error:
        raise InputError(f"{path} is damaged: {error}") from None
    identity = identity_of(folder.parent)
    if identity and found.identity_seal != identity.seal:
        raise InputError(f"{path} is of another run than the identity beside it")
    return found


def _read(path: Path) -> Checkpoint:
    with safe_open(path, framework="numpy") as file:
        about: dict[str, str] = dict(file.metadata() or {})
        tensors = {name: file.get_tensor(name) for name in json.loads(about["names"])}
    expected = about.pop(_CHECKSUM)
    if _checksum(about, tensors) != expected:
        raise ValueError("its checksum is wrong")
    parts: dict[str, Arrays] = {"state": {}, "memory": {}}
    for key, array in tensors.items():
        part, _, name = key.partition("/")
        parts[part][name] = array
    progress = json.loads(about["progress"])
    return Checkpoint(
        int(about["round"]),
        parts["state"],
        progress,
        parts["memory"],
        about.get("rows_seal", ""),
        about.get("identity_seal", ""),
    )


def _checksum(about: dict[str, str], tensors: Arrays) -> str:
    return hashlib.sha256(f"{sorted(about.items())}{digest(tensors)}".encode()).hexdigest()


def _newest_first(folder: Path) -> list[Path]:
    """List the checkpoints of a folder.

    Raises
    ------
    InputError
        If the folder is there and cannot be listed.
    """
    try:
        names = os.listdir(folder)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise InputError(f"{folder} cannot be read: {error.strerror}") from None
    found = []
    for name in names:
        if _NAME.fullmatch(name):
            found.append(folder / name)
        elif name.endswith(".safetensors") and not name.startswith("."):
            log.warning("%s is no checkpoint of a run; passed over", folder / name)
    return sorted(found, reverse=True)
