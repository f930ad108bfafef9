"""A file that grows by lines: each is read once."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import NamedTuple


class Added(NamedTuple):
    """What a file holds since it was last read.

    Attributes
    ----------
    anew : bool
        Whether the file was cut or replaced, so that earlier lines no longer count.
    lines : list of bytes
        Whole lines, without their ends.
    """

    anew: bool
    lines: list[bytes]


class GrowingFile:
    """A file of lines, read from where the last reading ended.

    Parameters
    ----------
    path : Path
        A symbolic link is not followed, and counts as missing.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._state: tuple[int, ...] = ()
        self._read = 0

    def added(self) -> Added | None:
        """Return what is new; ``None`` where nothing changed."""
        found = file_state(self.path)
        if found == self._state:
            return None
        anew = self._state[:1] != found[:1] or self._size(found) < self._read
        self._state = found
        if anew:
            self._read = 0
        content = read_regular(self.path, self._read)
        whole = content.rfind(b"\n") + 1
        self._read += whole
        return Added(anew, content[:whole].split(b"\n")[:-1])

    @staticmethod
    def _size(state: tuple[int, ...]) -> int:
        return state[1] if state else 0


def file_state(path: Path) -> tuple[int, ...]:
    """Return what changes when a regular file does; empty where there is none."""
    try:
        found = os.lstat(path)
    except OSError:
        return ()
    regular = stat.S_ISREG(found.st_mode)
    return (found.st_ino, found.st_size, found.st_mtime_ns) if regular else ()


def read_regular(path: Path, start: int = 0) -> bytes:
    """Read a file from a byte on; nothing where there is none, or a link in its place."""
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    try:
        descriptor = os.open(path, flags)
    except OSError:
        return b""
    with os.fdopen(descriptor, "rb") as file:
        try:
            file.seek(start)
            return file.read()
        except OSError:
            return b""
