"""The files of a folder: all of them, and a name for the folder as it is now."""

from __future__ import annotations

import json
import os
from pathlib import Path

from frl.errors import InputError


def listing_of(folder: Path) -> str:
    """Name a local folder by where it is and by the sizes and times of its files."""
    files = files_of(folder)
    if not files:
        raise InputError(f"data.path: folder {str(folder)!r} holds no files")
    listing = [
        (str(path.relative_to(folder)), path.stat().st_size, path.stat().st_mtime_ns)
        for path in files
    ]
    return json.dumps([str(folder.resolve()), listing])


def files_of(folder: Path) -> list[Path]:
    """List the files of a folder, those behind symbolic links to folders as well, each once."""
    found: list[Path] = []
    seen: set[str] = set()
    for parent, names, files in os.walk(folder, followlinks=True):
        for name in [each for each in names if os.path.islink(os.path.join(parent, each))]:
            real = os.path.realpath(os.path.join(parent, name))
            if real in seen or Path(os.path.realpath(parent)).is_relative_to(real):
                names.remove(name)
            seen.add(real)
        found += [path for name in files if (path := Path(parent, name)).is_file()]
    return sorted(found)
