"""The cost of knowing the data: schema and fingerprint of a data set that is in the cache."""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from experiments.benchmarks.row import Row
from experiments.benchmarks.share import mnist_folder
from frl import data
from frl.data.dataset import DataSet, Split
from frl.data.listing import listing_of
from frl.data.store import Store, cache_folder

NAMES = ("data-load",)
_TRIES = 200


def measure(name: str) -> Row:
    """Load MNIST where ``$FRL_DATA_ROOT`` has it, else the digits, with and without them."""
    folder = mnist_folder()
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
            """Find and map the arrays, which is all that a load once did."""
            identity = listing_of(Path(folder)) if folder and Path(folder).is_dir() else known
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
                columns={name: arrays[f"column_{n}"] for n, name in enumerate(about["columns"])},
                labels=tuple(about["labels"]),
            )

        def known_to_the_last() -> str:
            return data.load(known, folder).fingerprint

        without, with_them = _seconds(plain, known_to_the_last)
    figure = f"load of {known} from the cache, with its schema and fingerprint / without"
    details: dict[str, float | str] = {"without_ms": 1e3 * without, "with_ms": 1e3 * with_them}
    return Row(name, figure, with_them / without, 1.1, "lower", details)


def _seconds(*works: Callable[[], object]) -> list[float]:
    taken: list[list[float]] = [[] for _ in works]
    for _ in range(_TRIES):
        for work, times in zip(works, taken, strict=True):
            begun = time.perf_counter()
            work()
            times.append(time.perf_counter() - begun)
    return [min(times) for times in taken]
