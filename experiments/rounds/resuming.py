"""The check that what is carried on is the run that was begun: its settings, data and model."""

from __future__ import annotations

import hashlib
import logging
from pathlib import Path
from typing import Any

from experiments.config import flatten
from experiments.records import CONFIG, RunDirectory
from experiments.records.checkpoints import Checkpoint
from experiments.records.identity import Identity
from experiments.records.model_inputs import inputs_of
from experiments.setup import Setup
from experiments.setup.shard_labels import shard_labels
from frl.arrays import Arrays
from frl.errors import InputError

log = logging.getLogger(__name__)


def identity_of(setup: Setup) -> Identity:
    """Return what a run is, from its parts.

    Shards are those of a simulation: nodes of other machines may hold data of their own.
    """
    inputs = inputs_of(setup.data)._asdict()
    about: dict[str, Any] = {"data": setup.data.schema.record(), "inputs": inputs}
    if not setup.deployed:
        about["shards"] = shard_labels(setup.data, setup.partition).record()
    if weights := setup.config.model.weights:
        about["weights"] = _sha256(weights)
    about["rounds"] = setup.config.rounds
    return Identity(flatten(setup.recorded), setup.data.fingerprint, about)


def carried_on(setup: Setup, directory: RunDirectory, start: Checkpoint) -> Checkpoint:
    """Return the checkpoint to carry on from, once everything fits it.

    Raises
    ------
    InputError
        If the configuration, the data or the model are not those of the run.
    """
    identity = directory.identity()
    if identity is None and not start.round and not directory.rows():
        directory.identify(setup.recorded, identity_of(setup))
    elif identity is not None:
        identity.refuse_other(flatten(setup.recorded), directory.path / CONFIG)
        identity.refuse_other_data(setup.data.fingerprint, directory.path)
        _refuse_other_weights(identity.about.get("weights"), setup.config.model.weights)
        planned = identity.about.get("rounds", setup.config.rounds)
        if planned != setup.config.rounds:
            more = directory.path, planned, setup.config.rounds
            log.warning("%s: of %s rounds when it began, of %d now", *more)
    refuse_other_model(setup.config.model.name, setup.trainer.initial, directory, start)
    if start.round > setup.config.rounds:
        raise InputError(
            f"rounds: got {setup.config.rounds}; {directory.path} has finished round {start.round}"
        )
    directory.note_place(setup.recorded)
    return start


def _refuse_other_weights(was: str | None, path: str) -> None:
    found = _sha256(path) if was else was
    if found != was:
        raise InputError(
            f"model.weights: {path} is not the file that the run began with: its SHA-256 was "
            f"{str(was)[:16]} and is {str(found)[:16]}"
        )


def _sha256(path: str) -> str:
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def refuse_other_model(name: str, initial: Arrays, directory: RunDirectory, at: Checkpoint) -> None:
    """Refuse a checkpoint of another model.

    Parameters
    ----------
    name : str
        Of the model of the configuration.
    initial : Arrays
        Its state before the first round.
    directory : RunDirectory
    at : Checkpoint

    Raises
    ------
    InputError
        With the first layer that does not fit.
    """
    for layer, values in initial.items():
        held = at.state.get(layer)
        if held is None or (held.shape, held.dtype) != (values.shape, values.dtype):
            raise InputError(
                f"{directory.path}: the checkpoint does not fit model.name {name!r}: layer "
                f"{layer!r} is another, or missing"
            )
