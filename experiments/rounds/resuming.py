"""The check that what is carried on is the run that was begun: its settings, data and model."""

from __future__ import annotations

from experiments.config import flatten
from experiments.records import CONFIG, RunDirectory
from experiments.records.checkpoints import Checkpoint
from experiments.records.identity import Identity
from experiments.setup import Setup
from frl.errors import InputError


def identity_of(setup: Setup) -> Identity:
    """Return what a run is, from its parts."""
    about = {"data": setup.data.schema.record()}
    return Identity(flatten(setup.recorded), setup.data.fingerprint, about)


def carried_on(setup: Setup, directory: RunDirectory, start: Checkpoint) -> Checkpoint:
    """Return the checkpoint to carry on from, once everything fits it.

    Raises
    ------
    InputError
        If the configuration, the data or the model are not those of the run.
    """
    if directory.identity() is None and not start.round and not directory.rows():
        directory.identify(setup.recorded, identity_of(setup))
    refuse_others(setup, directory, start)
    if start.round > setup.config.rounds:
        raise InputError(
            f"rounds: got {setup.config.rounds}; {directory.path} has finished round {start.round}"
        )
    return start


def refuse_others(setup: Setup, directory: RunDirectory, at: Checkpoint) -> None:
    """Refuse settings, data or a model that are not those of a run and of a checkpoint of it.

    Raises
    ------
    InputError
        If one is another.
    """
    identity = directory.identity()
    if identity is not None:
        identity.refuse_other(flatten(setup.recorded), directory.path / CONFIG)
        identity.refuse_other_data(setup.data.fingerprint, directory.path)
    for name, initial in setup.trainer.initial.items():
        held = at.state.get(name)
        if held is None or (held.shape, held.dtype) != (initial.shape, initial.dtype):
            raise InputError(
                f"{directory.path}: the checkpoint does not fit model.name "
                f"{setup.config.model.name!r}: layer {name!r} is another, or missing"
            )
