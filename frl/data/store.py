"""Folders of ``.npy`` files that many processes map: written once, whole or not at all."""

from __future__ import annotations

import json
import logging
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from platformdirs import user_cache_path

from frl.errors import StoppedError

log = logging.getLogger(__name__)

_MANIFEST = "manifest.json"


def cache_folder() -> Path:
    """Return where decoded data are kept: ``$FRL_CACHE``, or ``frl`` in the user's cache folder."""
    if folder := os.environ.get("FRL_CACHE"):
        return Path(folder)
    return user_cache_path("frl", appauthor=False)


class Store:
    """One folder of arrays with a manifest that says what must be there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def open(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]] | None:
        """Map the arrays, or return ``None`` where the folder is absent or damaged.

        Damage is what the manifest does not foresee: a missing, short or unreadable file.
        """
        try:
            manifest = json.loads((self.folder / _MANIFEST).read_text())
            arrays = {}
            for name, size in manifest["bytes"].items():
                path = self.folder / f"{name}.npy"
                if path.stat().st_size != size:
                    raise ValueError(f"{path} has {path.stat().st_size} bytes, not {size}")
                arrays[name] = np.load(path, mmap_mode="r", allow_pickle=False)
        except FileNotFoundError as error:
            if self.folder.exists():
                log.warning("cache %s is damaged (%s); building it again", self.folder, error)
            return None
        except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
            log.warning("cache %s is damaged (%s); building it again", self.folder, error)
            return None
        return arrays, manifest["about"]

    def write(self, arrays: Mapping[str, NDArray[Any]], about: Mapping[str, Any]) -> None:
        """Write everything to a temporary folder, flush it, and rename it into place.

        Raises
        ------
        StoppedError
            If that is impossible, e.g. because the disk is full.
        """
        try:
            self._write(arrays, about)
        except OSError as error:
            place = self.folder.parent
            why = error.strerror or f"the disk is full? {error}"
            raise StoppedError(
                f"cannot keep data in {place} ({why}); FRL_CACHE may name another"
            ) from None

    def _write(self, arrays: Mapping[str, NDArray[Any]], about: Mapping[str, Any]) -> None:
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix=f".{self.folder.name}-", dir=self.folder.parent))
        try:
            for name, array in arrays.items():
                with (work / f"{name}.npy").open("wb") as file:
                    np.save(file, array, allow_pickle=False)
                    _flush(file.fileno())
            sizes = {name: (work / f"{name}.npy").stat().st_size for name in arrays}
            with (work / _MANIFEST).open("w") as file:
                json.dump({"bytes": sizes, "about": dict(about)}, file)
                file.flush()
                _flush(file.fileno())
            self._replace(work)
        finally:
            shutil.rmtree(work, ignore_errors=True)

    def get(
        self, build: Callable[[], tuple[Mapping[str, NDArray[Any]], Mapping[str, Any]]]
    ) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        """Open the folder; build and write it first where it is absent or damaged."""
        found = self.open()
        if found is None:
            self.write(*build())
            found = self.open()
        if found is None:
            raise OSError(f"cannot read {self.folder} right after writing it")
        return found

    def _replace(self, work: Path) -> None:
        """Rename ``work`` into place; whoever comes second leaves a good folder alone."""
        for _ in range(3):
            try:
                work.rename(self.folder)
            except OSError:
                if Store(self.folder).open() is not None:
                    return
                aside = Path(tempfile.mkdtemp(prefix=".old-", dir=self.folder.parent))
                try:
                    self.folder.rename(aside / "damaged")
                except FileNotFoundError:
                    pass
                finally:
                    shutil.rmtree(aside, ignore_errors=True)
            else:
                return
        raise OSError(f"cannot put {self.folder} in place: others keep writing it")


def _flush(descriptor: int) -> None:
    os.fsync(descriptor)
