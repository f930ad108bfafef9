"""Rankings to measure the cost of messages on: of a run, of a short run, or made up."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from experiments import config as configuration
from experiments.analysis.cost_total import Participation, participations
from experiments.analysis.honest_round import repeat_round
from experiments.analysis.rankings import base_ranking, moved_ranking
from experiments.records import CHECKPOINT, RunDirectory
from experiments.records.checkpoints import checkpoint_of, rounds_kept
from experiments.rounds.loop import execute
from experiments.setup import Setup
from frl import models, wire
from frl.data import Split
from frl.errors import InputError, unknown
from frl.models import DataShape
from frl.ranking import Ranking
from frl.task import Task
from frl.training.parameters import ranked
from frl.training.ranks import Shard
from frl.training.supermask import output_units
from strategies import Vote, sample_clients

_SHAPES = {"lenet": DataShape((1, 28, 28), 10), "conv8": DataShape((3, 32, 32), 10)}
"""Models whose usual data are not embedded, and the shape of those."""
_SHORT_RUN = ("rounds=5", "clients=20", "clients_per_round=5", "eval_every=5")


class Round(NamedTuple):
    """The coded ballots of a round of a run.

    Attributes
    ----------
    voters : int
    up : int
        Bytes of a client's message, mean over the voters.
    down : int or None
        Bytes of what their ballots add up to, where that leads to the next ranking.
    """

    voters: int
    up: int
    down: int | None


class Sample(NamedTuple):
    """A client's update and the global state it began with: rankings, or values of another method.

    Attributes
    ----------
    model, source : str
        Whose rankings they are, and where they come from.
    base : Base
    update : mapping of layer to int32 positions
    rows : dict of layer name to int
        Output units.
    first : mapping of layer to int32 positions, or None
        The ranking that the run began with; None where there was no run.
    before : mapping of layer to int32 positions, or None
        The global ranking of the round before, which a client asked in every round holds.
    ballots : Round or None
        None for a run of whole rankings.
    total : tuple of Participation
        Up and down together, as the run's channel codes them; empty where there was no run.
    coding : str
        Of a run's updates that are no rankings, which only this one fits; empty for rankings.
    """

    model: str
    source: str
    base: wire.Base
    update: Ranking
    rows: dict[str, int]
    first: Ranking | None
    before: Ranking | None = None
    ballots: Round | None = None
    total: tuple[Participation, ...] = ()
    coding: str = ""


def sample(model: str = "", run: Path | None = None) -> Sample:
    """Get rankings to measure: of a run, of a short run on digits, or made up for larger models.

    Parameters
    ----------
    model : str
        By default that of the run, or of the default configuration.
    run : Path, optional
        A run directory with a checkpoint.

    Raises
    ------
    InputError
        If the run is of another model, or there is no such model.
    """
    if run is not None:
        return _of_run(RunDirectory(run), f"{run}", model)
    name = model or configuration.Config().model.name
    if name not in models.list():
        raise unknown("--model", name, models.list())
    if name in _SHAPES:
        return _made_up(name)
    settings = configuration.read(None, [*_SHORT_RUN, f"model.name={name}"])
    with TemporaryDirectory() as folder:
        directory = RunDirectory(Path(folder) / "run")
        execute(settings, directory)
        return _of_run(directory, "a short run on digits", name)


def _of_run(directory: RunDirectory, source: str, model: str) -> Sample:
    """Train one client of the next round from the checkpoint of a run."""
    settings, checkpoint = directory.config(), directory.checkpoint()
    if checkpoint is None:
        raise InputError(f"--run {directory.path}: takes a run with a finished round")
    if model and model != settings.model.name:
        raise InputError(f"--model: got {model!r}; the run is of {settings.model.name!r}")
    setup = Setup(settings)
    directory.refuse_other_data(setup.data.fingerprint)
    partition, trainer, dataset = setup.partition, setup.trainer, setup.data
    following = checkpoint.round + 1
    among = settings.clients if setup.members is None else setup.members
    drawn = sample_clients(settings.seed, following, among, settings.clients_per_round).tolist()
    client = max(drawn, key=lambda drawn_client: len(partition.of(drawn_client)))
    chosen = partition.of(client)
    split = Split(dataset.train.inputs[chosen], dataset.train.labels[chosen])
    shard = Shard(*dataset.tensors(split, settings.engine.device))
    initial = trainer.initial
    base, task = wire.Base(following, checkpoint.state), Task(following, client, settings.seed)
    update, _ = trainer.train(checkpoint.state, shard, task)
    before, ballots = _before(directory, checkpoint.round), _ballots(directory)
    channel = setup.channel
    own = channel.form.dithered(update, task)
    up = ballots.up if ballots else len(channel.encode_update(own, base, task))
    return Sample(
        settings.model.name,
        f"{source} after round {checkpoint.round}, client {client}",
        base,
        update,
        output_units(trainer.module),
        initial,
        before,
        ballots,
        tuple(participations(channel, checkpoint, before, up)),
        "" if settings.strategy.method.space == "ranks" else next(iter(channel.form.codings())),
    )


def _before(directory: RunDirectory, round: int) -> Ranking | None:
    """Return the global ranking that a round began with, where its checkpoint is kept."""
    folder = directory.path / CHECKPOINT
    return checkpoint_of(folder, round - 1).state if round - 1 in rounds_kept(folder) else None


def _ballots(directory: RunDirectory) -> Round | None:
    """Encode the ballots of a round on record and their sums, where a channel would send both."""
    settings = directory.config()
    if not settings.strategy.ballot_bits or settings.strategy.rule != "sum":
        return None
    found = repeat_round(directory)
    channel, vote = replace(found.setup.channel, history=1), Vote(found.state)
    base, seed = wire.Base(found.number, found.state), settings.seed
    up = 0
    for client, sent in zip(found.clients, found.sent, strict=True):
        vote.add(sent)
        up += channel.measure(sent, base, Task(found.number, client, seed)).total
    step = channel.encode_step(base, found.clients, vote.sums, seed=seed)
    voters = len(found.clients)
    return Round(voters, round(up / voters), None if step is None else len(step))


def _made_up(name: str) -> Sample:
    """Draw rankings that move like those of real clients."""
    module = models.make(name, _SHAPES[name])
    layers = {spec.layer: spec.tensor.numel() for spec in ranked(module)}
    rows = output_units(module)
    base = base_ranking(layers, seed=0)
    update = moved_ranking(base, rows, seed=1)
    return Sample(name, "made-up rankings", wire.Base(1, base), update, rows, None)
