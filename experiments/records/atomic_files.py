"""Files that survive a crash: written whole or not at all, flushed, and by one run at a time."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from frl.errors import InputError, StoppedError

_LOCK = ".lock"
_UNFINISHED = ".unfinished-"


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file under a temporary name, flush it, rename it into place, flush the folder.

    Raises
    ------
    StoppedError
        If that is impossible, e.g. because the disk is full; the file is as it was then.
    """
    unfinished = path.with_name(_UNFINISHED + path.name)
    try:
        try:
            _write(unfinished, content, os.O_TRUNC, new=True)
            os.replace(unfinished, path)
        except BaseException:
            unfinished.unlink(missing_ok=True)
            raise
        flush_folder(path.parent)
    except OSError as error:
        raise _cannot_record(path, error) from None


def append(path: Path, content: bytes) -> None:
    """Add to the end of a file that exists, and flush it.

    Raises
    ------
    StoppedError
        If that is impossible; a part of ``content`` may have been written then.
    """
    try:
        _write(path, content, os.O_APPEND, new=False)
    except OSError as error:
        raise _cannot_record(path, error) from None


def make_folder(path: Path) -> None:
    """Make a folder inside another and flush that, unless it is there already."""
    if not path.is_dir():
        path.mkdir()
        flush_folder(path.parent)


def flush_folder(path: Path) -> None:
    """Flush which files a folder holds, where the system lets one open a folder."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def only_writer(folder: Path) -> Iterator[None]:
    """Keep every other process from writing in a folder; the system lets go when this one dies.

    What a killed writer left unfinished is removed.

    Raises
    ------
    InputError
        If another process writes there, or this one may not.
    """
    lock = FileLock(folder / _LOCK, timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise InputError(f"{folder} is in use: another process runs there") from None
    except OSError as error:
        locks = error.errno in (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)
        hint = "; its file system keeps no locks, choose another folder" if locks else ""
        raise InputError(f"{folder}: {error.strerror}{hint}") from None
    except NotImplementedError:
        raise InputError(f"{folder}: its file system keeps no locks, choose another") from None
    try:
        for place in (folder, *(inner for inner in folder.iterdir() if _part_of_run(inner))):
            for unfinished in place.glob(f"{_UNFINISHED}*"):
                unfinished.unlink(missing_ok=True)
        yield
    finally:
        lock.release()


def _part_of_run(folder: Path) -> bool:
    """Whether a folder inside that of a writer has no writer of its own."""
    return folder.is_dir() and not (folder / _LOCK).exists()


def _write(path: Path, content: bytes, how: int, *, new: bool) -> None:
    how |= getattr(os, "O_BINARY", 0) | (os.O_CREAT if new else 0)
    descriptor = os.open(path, os.O_WRONLY | how, 0o644)
    try:
        left = memoryview(content)
        while left:
            left = left[os.write(descriptor, left) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _cannot_record(path: Path, error: OSError) -> StoppedError:
    return StoppedError(f"cannot write {path}: {error.strerror or error}")
