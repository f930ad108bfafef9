"""Places where no new run may be recorded: among other runs, or inside one."""

from __future__ import annotations

from pathlib import Path

from frl.errors import InputError

_RUN = ("config.toml", "rounds.jsonl")
"""Files that a run directory has."""


def refuse_place(path: Path) -> None:
    """Refuse a folder whose reports would hide other runs, or hide this one.

    Raises
    ------
    InputError
        If there are runs below it, or it lies in a run.
    """
    refuse_inside(path)
    below = next((config.parent for config in path.rglob(_RUN[0]) if is_run(config.parent)), None)
    if below is not None:
        raise InputError(f"{path} holds other runs, such as {below}; choose another --out")


def refuse_inside(path: Path) -> None:
    """Raise ``InputError`` if a folder lies in a run directory."""
    above = next((folder for folder in path.absolute().parents if is_run(folder)), None)
    if above is not None:
        raise InputError(f"{path} lies in the run {above}; choose another --out")


def is_run(folder: Path) -> bool:
    """Whether a folder has the files of a run."""
    return all((folder / name).is_file() for name in _RUN)
