"""The run directory: configuration, one row a round, checkpoint, result; and reading them back."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from experiments import config as configuration
from experiments.config import Config
from frl.errors import InputError

CONFIG, ROUNDS, RESULT, CURVE = "config.toml", "rounds.jsonl", "result.json", "curve.png"
CHECKPOINT, STATE, PROGRESS = "checkpoint", "state.safetensors", "progress.json"

State = dict[str, NDArray[Any]]


class Checkpoint(NamedTuple):
    """Where a run stands after a round."""

    round: int
    state: State
    progress: dict[str, Any]
    memory: State


class RunDirectory:
    """Files of one run.

    Parameters
    ----------
    path : Path
    numbered : bool
        Take the first of ``path-1``, ``path-2``, … that does not exist when the run begins.
    """

    def __init__(self, path: Path, *, numbered: bool = False) -> None:
        self.path = path
        self._numbered = numbered

    def create(self, config: Config) -> None:
        """Make the directory for a new run.

        Raises
        ------
        InputError
            If there is a run in it already, which is left as it is, or it cannot be made.
        """
        self.refuse_existing()
        try:
            if self._numbered:
                self._take_number()
            self.path.mkdir(parents=True, exist_ok=True)
            configuration.write(config, self.path / CONFIG)
        except OSError as error:
            raise InputError(f"--out {self.path}: {error.strerror}") from None

    def _take_number(self) -> None:
        """Make the next free directory; of several runs that begin at once each gets its own."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        base, number = self.path, 1
        while True:
            self.path = base.with_name(f"{base.name}-{number}")
            try:
                self.path.mkdir()
            except FileExistsError:
                number += 1
            else:
                return

    def refuse_existing(self) -> None:
        """Raise ``InputError`` if the directory holds a run."""
        if (self.path / CONFIG).exists():
            raise InputError(
                f"{self.path} holds a run already; resume it (frl resume {self.path}) or "
                "choose another --out"
            )

    def config(self) -> Config:
        """Read the configuration."""
        if not (self.path / CONFIG).is_file():
            raise InputError(f"{self.path} is no run directory: it has no {CONFIG}")
        return configuration.read(self.path / CONFIG)

    def append(self, row: Mapping[str, Any]) -> None:
        """Add the row of a round and flush it to the disk."""
        with (self.path / ROUNDS).open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
            file.flush()
            os.fsync(file.fileno())

    def rows(self) -> list[dict[str, Any]]:
        """Read the rows; a last line that was cut off is left out."""
        try:
            lines = (self.path / ROUNDS).read_text(encoding="utf-8").splitlines(keepends=True)
        except FileNotFoundError:
            return []
        return [json.loads(line) for line in lines if line.endswith("\n")]

    def keep_rows(self, last: int) -> None:
        """Drop rows after round ``last``: they will be written again."""
        kept = [json.dumps(row) + "\n" for row in self.rows() if row["round"] <= last]
        write_atomically(self.path / ROUNDS, "".join(kept).encode())

    def save(self, checkpoint: Checkpoint) -> None:
        """Write a checkpoint: whole, or not at all."""
        folder = self.path / CHECKPOINT
        folder.mkdir(exist_ok=True)
        about = {
            "round": str(checkpoint.round),
            "layers": json.dumps(list(checkpoint.state)),
            "memory": json.dumps(list(checkpoint.memory)),
            "progress": json.dumps(checkpoint.progress),
        }
        parts = (("state", checkpoint.state), ("memory", checkpoint.memory))
        tensors = {
            f"{part}/{name}": np.asarray(array, order="C")
            for part, arrays in parts
            for name, array in arrays.items()
        }
        write_atomically(folder / STATE, save(tensors, metadata=about))

    def checkpoint(self) -> Checkpoint:
        """Read the checkpoint.

        Raises
        ------
        InputError
            If there is none, or it cannot be read.
        """
        path = self.path / CHECKPOINT / STATE
        try:
            about = _metadata(path)
            tensors = load_file(path)
            state = {name: tensors[f"state/{name}"] for name in json.loads(about["layers"])}
            memory = {name: tensors[f"memory/{name}"] for name in json.loads(about["memory"])}
            return Checkpoint(int(about["round"]), state, json.loads(about["progress"]), memory)
        except FileNotFoundError:
            raise InputError(f"{self.path} has no checkpoint to resume from") from None
        except (SafetensorError, KeyError, ValueError, OSError) as error:
            raise InputError(f"{path} is damaged: {error}") from None

    def finish(self, result: Mapping[str, Any]) -> None:
        """Write the result of a finished run."""
        text = json.dumps(result, indent=2) + "\n"
        write_atomically(self.path / RESULT, text.encode())

    def result(self) -> dict[str, Any] | None:
        """Read the result; ``None`` for a run that has not finished."""
        try:
            found: dict[str, Any] = json.loads((self.path / RESULT).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        return found


def load(*paths: str | Path) -> pd.DataFrame:
    """Read the rounds of runs into one table.

    Parameters
    ----------
    *paths : str or Path
        Run directories, or folders of them.

    Returns
    -------
    DataFrame
        One row a round; ``run`` names the run, and each dotted configuration key is a column.
    """
    frames = []
    for directory in find_runs(*paths):
        run = RunDirectory(directory)
        frame = pd.DataFrame(run.rows())
        frame.insert(0, "run", str(directory))
        flat = configuration.flatten(run.config())
        frames.append(frame.assign(**{key: value for key, value in flat.items()}))
    if not frames:
        raise InputError(f"no runs in {', '.join(map(str, paths))}")
    return pd.concat(frames, ignore_index=True)


def find_runs(*paths: str | Path) -> list[Path]:
    """List the run directories at or below some paths, in order of their names."""
    found: list[Path] = []
    for path in map(Path, paths):
        if (path / CONFIG).is_file():
            found.append(path)
        else:
            found += sorted(config.parent for config in path.rglob(CONFIG))
    return found


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file under a temporary name, flush it to the disk, and rename it into place."""
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _metadata(path: Path) -> dict[str, str]:
    from safetensors import safe_open

    with safe_open(path, framework="numpy") as file:
        return dict(file.metadata() or {})
