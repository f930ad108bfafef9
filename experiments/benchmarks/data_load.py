"""The cost of knowing the data: schema and fingerprint of a data set that is in the cache."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from experiments.benchmarks.row import Row, cpu_seconds
from experiments.benchmarks.share import data_folder
from frl import data
from frl.data.dataset import DataSet, Split
from frl.data.listing import listing_of
from frl.data.store import Store, cache_folder
from frl.errors import InputError

NAMES = ("data-load",)
_TRIES = 400


def measure(name: str) -> Row:
    """Load MNIST where ``$FRL_DATA_ROOT`` has it, else the digits: medians of pairs in turn."""
    folder = data_folder("mnist")
    known = "mnist" if folder else "digits"
    data.load(known, folder)
    with TemporaryDirectory() as temporary:
        bare = Path(temporary) / "bare"
        newest = max(cache_folder().glob(f"{known}-*"), key=lambda path: path.stat().st_mtime)
        shutil.copytree(newest, bare)
        manifest = json.loads((bare / "manifest.json").read_text())
        for key in ("schema", "fingerprint"):
            del manifest["about"][key]
        (bare / "manifest.json").write_text(json.dumps(manifest))

        def plain() -> DataSet:
            """Find the source, its folder and its place in the cache, and map the arrays."""
            source = data.sources().get(known)
            if folder and not Path(folder).is_dir():
                raise InputError(f"data.path: no folder {folder!r}")
            identity = listing_of(Path(folder)) if folder else known
            key = hashlib.sha256(f"3:{identity}".encode()).hexdigest()[:16]
            _ = cache_folder() / f"{Path(folder or known).name}-{key}"
            arrays, about = Store(bare).open() or ({}, {})
            return DataSet(
                known,
                Split(arrays["train_inputs"], arrays["train_labels"]),
                Split(arrays["test_inputs"], arrays["test_labels"]),
                about["classes"],
                tuple(about["mean"]),
                tuple(about["std"]),
                source.augmentation if source else "none",
                columns={name: arrays[f"column_{n}"] for n, name in enumerate(about["columns"])},
                labels=tuple(about["labels"]),
            )

        def known_to_the_last() -> str:
            return data.load(known, folder).fingerprint

        taken = _in_turn(plain, known_to_the_last)
    ratio = float(np.median(taken[:, 1] / taken[:, 0]))
    without, with_them = np.median(taken, axis=0)
    figure = f"load of {known} from the cache, with its schema and fingerprint / without"
    details: dict[str, float | str] = {"without_ms": 1e3 * without, "with_ms": 1e3 * with_them}
    return Row(name, figure, ratio, 1.1, "lower", details)


def _in_turn(first: Callable[[], object], second: Callable[[], object]) -> NDArray[np.float64]:
    """Processor seconds of two works, one after the other and then the other way round.

    Returns
    -------
    float64 array of shape (tries, 2)
    """
    taken = np.empty((_TRIES, 2))
    for number in range(_TRIES):
        order = (0, 1) if number % 2 else (1, 0)
        for place in order:
            taken[number, place] = cpu_seconds((first, second)[place])
    return taken
