"""The run directories below some folders, found without following links."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from experiments.records import CONFIG


def run_folders(roots: Sequence[Path]) -> list[Path]:
    """List the run directories at or below some folders, each once, in order of their names.

    What a symbolic link leads to is left out, since it may lie elsewhere; so is what may not be
    read.
    """
    return list(dict.fromkeys(found for root in roots for found in _below(str(root))))


def _below(folder: str) -> Iterator[Path]:
    try:
        with os.scandir(folder) as entries:
            inside = sorted(entries, key=lambda entry: entry.name)
    except OSError:
        return
    if any(entry.name == CONFIG and entry.is_file(follow_symlinks=False) for entry in inside):
        yield Path(folder)
        return
    for entry in inside:
        if entry.is_dir(follow_symlinks=False):
            yield from _below(entry.path)
