"""The run directory: configuration, identity, one row a round, checkpoint, result."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from experiments import config as configuration
from experiments.config import Config
from experiments.config.run_name import folder_name
from experiments.records.atomic_files import append, only_writer, write_atomically
from experiments.records.identity import IDENTITY, Identity
from experiments.records.places import refuse_place
from experiments.records.record import CONFIG, RESULT, ROUNDS, Record, identity_of, read_record
from experiments.records.result_file import result_text
from experiments.records.rows import line_of, read_rows
from frl.errors import InputError, StoppedError

if TYPE_CHECKING:
    from experiments.records.checkpoints import Checkpoint

log = logging.getLogger(__name__)

CURVE, CHECKPOINT = "curve.png", "checkpoint"


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
        self._last_seal = ""
        self._place: tuple[int, int] | None = None

    @classmethod
    def of(cls, config: Config, path: Path | None = None) -> RunDirectory:
        """Return where a new run is recorded: by default ``runs/NAME-N``, after what it is of."""
        if path is not None:
            return cls(path)
        return cls(Path("runs") / folder_name(config), numbered=True)

    @contextmanager
    def create(self, config: Config, identity: Identity | None = None) -> Iterator[None]:
        """Make the directory for a new run, and keep other processes from writing there.

        Parameters
        ----------
        config : Config
        identity : Identity, optional
            By default that of the configuration, of data that are not known.

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
            self.identify(config, identity)
            write_atomically(self.path / CONFIG, configuration.dump(config).encode())
            yield

    def identify(self, config: Config, identity: Identity | None = None) -> None:
        """Write what the run is, before its first row."""
        identity = identity or Identity(configuration.flatten(config), "")
        self._last_seal = ""
        write_atomically(self.path / ROUNDS, b"")
        write_atomically(self.path / IDENTITY, identity.text().encode())

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
        """Raise ``InputError`` if the directory holds a run, or runs, or lies in one."""
        if self.begun():
            raise InputError(
                f"{self.path} holds a run already; resume it (frl resume {self.path}) or "
                "choose another --out"
            )
        if not self._numbered:
            refuse_place(self.path)

    def config(self, overrides: Sequence[str] = ()) -> Config:
        """Read the configuration, with ``key=value`` settings in place of its own.

        Raises
        ------
        InputError
            If it is not that with which the run began.
        """
        path = self.path / CONFIG
        if not path.is_file():
            raise InputError(f"{self.path} is no run directory: it has no {CONFIG}")
        own = configuration.read(path)
        if identity := self.identity():
            identity.refuse_other(configuration.flatten(own), path)
        return configuration.read(path, overrides) if overrides else own

    def identity(self) -> Identity | None:
        """Read what the run is; see :func:`experiments.records.record.identity_of`."""
        return identity_of(self.path)

    def refuse_other_data(self, fingerprint: str) -> None:
        """Raise ``InputError`` where data are not those that the run began with."""
        if identity := self.identity():
            identity.refuse_other_data(fingerprint, self.path)

    def note_place(self, config: Config) -> None:
        """Write down where the data of the run lie now."""
        was = self.config()
        if (was.data.name, was.data.path) == (config.data.name, config.data.path):
            return
        place = config.data.path or config.data.name
        log.warning("the data of %s are read from %s now, and are the same", self.path, place)
        moved = was.model_copy(update={"data": config.data})
        write_atomically(self.path / CONFIG, configuration.dump(moved).encode())

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes from writing here."""
        with only_writer(self.path):
            self._place = self._where()
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
                self.result()
                (self.path / RESULT).unlink(missing_ok=True)
                write_atomically(self.path / CONFIG, configuration.dump(settings).encode())
        return settings

    def append(self, row: Mapping[str, Any]) -> None:
        """Add the row of a round and flush it to the disk."""
        self._refuse_moved()
        line, last = line_of(row, self._last_seal)
        append(self.path / ROUNDS, line)
        self._last_seal = last

    def rows(self) -> list[dict[str, Any]]:
        """Read the rows; a last line that was cut off is left out.

        Raises
        ------
        InputError
            If another line is damaged.
        """
        found = read_rows(self.path / ROUNDS)
        if found.damage:
            raise InputError(found.damage)
        return found.rows

    def keep_rows(self, checkpoint: Checkpoint) -> None:
        """Drop rows after that of a checkpoint: they will be written again.

        Raises
        ------
        InputError
            If one up to there is missing, damaged, or not the one that the checkpoint followed.
        """
        last, path = checkpoint.round, self.path / ROUNDS
        found = read_rows(path)
        if len(found.rows) < last:
            lacks = f"{path} lacks the row of round {len(found.rows) + 1}"
            raise InputError(found.damage or lacks)
        if checkpoint.rows_seal and checkpoint.rows_seal != found.seal_after(last):
            raise InputError(f"{path} was changed: its rows up to round {last} are of another run")
        if not last and len(found.rows) > self.config().checkpoint_every:
            raise InputError(
                f"{self.path / CHECKPOINT} is missing; without {path} too the run begins anew"
            )
        write_atomically(path, b"".join(found.lines[:last]))
        self._last_seal = found.seal_after(last)

    def save(self, checkpoint: Checkpoint) -> None:
        """Write a checkpoint: whole, or not at all."""
        from experiments.records.checkpoints import save_checkpoint

        self._refuse_moved()
        tied = checkpoint._replace(rows_seal=self._last_seal, identity_seal=self._identity_seal())
        save_checkpoint(self.path / CHECKPOINT, tied)

    def checkpoint(self) -> Checkpoint | None:
        """Read the last checkpoint that is whole; ``None`` before the first.

        Raises
        ------
        InputError
            If there is none but damaged ones.
        """
        from experiments.records.checkpoints import last_checkpoint

        found = last_checkpoint(self.path / CHECKPOINT)
        if found is not None and found.identity_seal not in ("", self._identity_seal()):
            raise InputError(f"{self.path / CHECKPOINT} is of another run than {IDENTITY}")
        if found and (self.path / RESULT).exists() and found.round < self.config().rounds:
            log.warning(
                "%s: the checkpoint of the last round is gone; that of round %d is read",
                self.path,
                found.round,
            )
        return found

    def finish(self, result: Mapping[str, Any]) -> None:
        """Write the result of a finished run."""
        self._refuse_moved()
        text = result_text(result, self._last_seal, self._identity_seal())
        write_atomically(self.path / RESULT, text.encode())

    def result(self) -> dict[str, Any] | None:
        """Read the result; ``None`` for a run that has not finished.

        Raises
        ------
        InputError
            If it is damaged, or not that of the rows and the configuration beside it.
        """
        return self.record().result if (self.path / RESULT).exists() else None

    def record(self) -> Record:
        """Read all that is on record; see :func:`experiments.records.record.read_record`."""
        return read_record(self.path)

    def _identity_seal(self) -> str:
        identity = self.identity()
        return identity.seal if identity else ""

    def _where(self) -> tuple[int, int]:
        found = os.stat(self.path)
        return found.st_dev, found.st_ino

    def _refuse_moved(self) -> None:
        """Raise ``StoppedError`` if another folder was put in the place of this one."""
        try:
            moved = self._place is not None and self._where() != self._place
        except OSError:
            moved = True
        if moved:
            raise StoppedError(f"{self.path} was moved or replaced while the run wrote there")
