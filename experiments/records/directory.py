"""The run directory: configuration, one row a round, checkpoint, result; and reading them back."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from experiments import config as configuration
from experiments.config import Config
from experiments.config.run_name import folder_name
from experiments.records.atomic_files import append, only_writer, write_atomically
from frl.errors import InputError

if TYPE_CHECKING:
    from experiments.records.checkpoints import Checkpoint

CONFIG, ROUNDS, RESULT, CURVE = "config.toml", "rounds.jsonl", "result.json", "curve.png"
CHECKPOINT = "checkpoint"


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

    @classmethod
    def of(cls, config: Config, path: Path | None = None) -> RunDirectory:
        """Return where a new run is recorded: by default ``runs/NAME-N``, after what it is of."""
        if path is not None:
            return cls(path)
        return cls(Path("runs") / folder_name(config), numbered=True)

    @contextmanager
    def create(self, config: Config) -> Iterator[None]:
        """Make the directory for a new run, and keep other processes from writing there.

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
        except OSError as error:
            raise InputError(f"--out {self.path}: {error.strerror}") from None
        with self.locked():
            self.refuse_existing()
            write_atomically(self.path / ROUNDS, b"")
            write_atomically(self.path / CONFIG, configuration.dump(config).encode())
            yield

    def begun(self) -> bool:
        """Whether the directory holds a run."""
        return (self.path / CONFIG).exists()

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
        if self.begun():
            raise InputError(
                f"{self.path} holds a run already; resume it (frl resume {self.path}) or "
                "choose another --out"
            )

    def config(self, overrides: Sequence[str] = ()) -> Config:
        """Read the configuration, with ``key=value`` settings in place of its own."""
        if not (self.path / CONFIG).is_file():
            raise InputError(f"{self.path} is no run directory: it has no {CONFIG}")
        return configuration.read(self.path / CONFIG, overrides)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes from writing here."""
        with only_writer(self.path):
            yield

    def extend(self, rounds: int) -> Config:
        """Set the round that a run ends with; a finished one can then be carried on.

        Raises
        ------
        InputError
            If the run is past that round, or a process writes there.
        """
        settings = self.config([f"rounds={rounds}"])
        with self.locked():
            checkpoint = self.checkpoint()
            if checkpoint and rounds < checkpoint.round:
                done = f"{self.path} has finished round {checkpoint.round}"
                raise InputError(f"--rounds: got {rounds}; {done}")
            if settings != self.config():
                (self.path / RESULT).unlink(missing_ok=True)
                write_atomically(self.path / CONFIG, configuration.dump(settings).encode())
        return settings

    def append(self, row: Mapping[str, Any]) -> None:
        """Add the row of a round and flush it to the disk."""
        append(self.path / ROUNDS, (json.dumps(row) + "\n").encode())

    def rows(self) -> list[dict[str, Any]]:
        """Read the rows; a last line that was cut off is left out.

        Raises
        ------
        InputError
            If another line is damaged.
        """
        rows, damage = _read_rows(self.path / ROUNDS)
        if damage:
            raise InputError(damage)
        return rows

    def keep_rows(self, last: int) -> None:
        """Drop rows after round ``last``: they will be written again.

        Raises
        ------
        InputError
            If one up to there is missing or damaged.
        """
        rows, damage = _read_rows(self.path / ROUNDS)
        if len(rows) < last:
            lacks = f"{self.path / ROUNDS} lacks the row of round {len(rows) + 1}"
            raise InputError(damage or lacks)
        kept = "".join(json.dumps(row) + "\n" for row in rows[:last])
        write_atomically(self.path / ROUNDS, kept.encode())

    def save(self, checkpoint: Checkpoint) -> None:
        """Write a checkpoint: whole, or not at all."""
        from experiments.records.checkpoints import save_checkpoint

        save_checkpoint(self.path / CHECKPOINT, checkpoint)

    def checkpoint(self) -> Checkpoint | None:
        """Read the last checkpoint that is whole; ``None`` before the first.

        Raises
        ------
        InputError
            If there is none but damaged ones.
        """
        from experiments.records.checkpoints import last_checkpoint

        return last_checkpoint(self.path / CHECKPOINT)

    def finish(self, result: Mapping[str, Any]) -> None:
        """Write the result of a finished run."""
        text = json.dumps(result, indent=2) + "\n"
        write_atomically(self.path / RESULT, text.encode())

    def result(self) -> dict[str, Any] | None:
        """Read the result; ``None`` for a run that has not finished."""
        try:
            found = json.loads((self.path / RESULT).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise InputError(f"{self.path / RESULT} is damaged: {error}") from None
        if not isinstance(found, dict):
            raise InputError(f"{self.path / RESULT} is damaged: it holds no table")
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
    directories = find_runs(*paths)
    if not directories:
        raise InputError(f"no runs in {', '.join(map(str, paths))}")
    rows: list[dict[str, Any]] = []
    numbers: list[int] = []
    for number, directory in enumerate(directories):
        found = RunDirectory(directory).rows()
        rows += found
        numbers += [number] * len(found)
    about = pd.DataFrame([configuration.recorded(path / CONFIG) for path in directories])
    about.insert(0, "run", list(map(str, directories)))
    rounds = pd.DataFrame(rows)
    return pd.concat([rounds, about.iloc[numbers].reset_index(drop=True)], axis=1)


def unfinished(*paths: str | Path) -> list[Path]:
    """List the run directories at or below some paths that have no result yet."""
    return [path for path in find_runs(*paths) if not (path / RESULT).is_file()]


def find_runs(*paths: str | Path) -> list[Path]:
    """List the run directories at or below some paths, in order of their names."""
    found: list[Path] = []
    for path in map(Path, paths):
        if (path / CONFIG).is_file():
            found.append(path)
        else:
            found += sorted(config.parent for config in path.rglob(CONFIG))
    return found


def _read_rows(path: Path) -> tuple[list[dict[str, Any]], str]:
    """Read rows up to the first damaged line, and say what is wrong with that one, if any is."""
    rows: list[dict[str, Any]] = []
    try:
        lines = path.read_bytes().splitlines(keepends=True)
    except FileNotFoundError:
        return rows, ""
    except OSError as error:
        return rows, f"{path}: {error.strerror}"
    for line in lines:
        if not line.endswith(b"\n"):
            break
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            row = None
        if not isinstance(row, dict) or row.get("round") != len(rows) + 1:
            return rows, f"{path} is damaged: line {len(rows) + 1} is not the row of that round"
        rows.append(row)
    return rows, ""
