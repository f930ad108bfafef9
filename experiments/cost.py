"""What one message of a model costs in every coding, next to float32."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import ceil, lgamma, log
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np
from rich.console import Console
from rich.table import Table

from experiments import config as configuration
from experiments.benchmarks.rankings import base_ranking, moved_ranking
from experiments.checkpoints import checkpoint_of, rounds_kept
from experiments.honest_round import repeat_round
from experiments.records import CHECKPOINT, RunDirectory
from experiments.resident import load_data, load_partition, make_trainer
from experiments.run import execute
from frl import models, wire
from frl.ballots import ballot
from frl.channel import Channel, coded_message
from frl.data import Split
from frl.errors import InputError, unknown
from frl.forms import Ballots
from frl.messages import Task
from frl.models import DataShape
from frl.ranking import Ranking, top_mask
from frl.supermask import edge_layers, output_units
from frl.training import Place, Shard
from frl.wire.downlink import coarsen, encode_down
from strategies import Vote, sample_clients

_SHAPES = {"lenet": DataShape((1, 28, 28), 10), "conv8": DataShape((3, 32, 32), 10)}
"""Models whose usual data are not embedded, and the shape of those."""
_BITS = (8, 6, 4, 3, 2, 1)
_DITHERED = (4, 2, 1)
_SHORT_RUN = ("rounds=5", "clients=20", "clients_per_round=5", "eval_every=5")


class Round(NamedTuple):
    """The coded ballots of a round of a run.

    Attributes
    ----------
    voters : int
    up : int
        Bytes of a client's message, mean over the voters.
    down : int
        Bytes of what their ballots add up to.
    """

    voters: int
    up: int
    down: int


class Sample(NamedTuple):
    """A client's ranking and the global one it began with.

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
    """

    model: str
    source: str
    base: wire.Base
    update: Ranking
    rows: dict[str, int]
    first: Ranking | None
    before: Ranking | None = None
    ballots: Round | None = None


class Cost(NamedTuple):
    """One message.

    Attributes
    ----------
    coding : str
        With its parameters.
    way : {"up", "down", "both"}
    bytes : int
        Of the message, header included; of the information alone for ``log2(n!)``.
    bits_per_edge, of_float32 : float
        ``of_float32`` is a share of the float32 message.
    layers : dict of layer name to int
        Bytes of each payload.
    """

    coding: str
    way: str
    bytes: int
    bits_per_edge: float
    of_float32: float
    layers: dict[str, int]


def sample(model: str = "", run: Path | None = None) -> Sample:
    """Get rankings to measure: of a run, of a short run on digits, or made up for larger models.

    Parameters
    ----------
    model : str
        By default that of the run, or of the default configuration.
    run : Path, optional
        A run directory with a checkpoint, of ``strategy.name = "frl"``.

    Raises
    ------
    InputError
        If the run is of another model or of weights, or there is no such model.
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


def costs(measured: Sample) -> list[Cost]:
    """Encode a sample in every coding and count the bytes."""
    base, update = measured.base, measured.update
    layers = {name: int(positions.size) for name, positions in update.items()}
    weights = {n: (p / p.size - 0.5).astype(np.float32) for n, p in update.items()}
    edges = sum(layers.values())
    float32 = len(wire.encode(weights, wire.codings.make("float32")))

    def cost(coding: str, way: str, message: bytes) -> Cost:
        sizes = wire.payload_sizes(message, layers)
        return Cost(
            coding, way, len(message), 8 * len(message) / edges, len(message) / float32, sizes
        )

    def up(shown: str, name: str, values: wire.Update, way: str = "up", **parameters: Any) -> Cost:
        coding = wire.codings.make(name, **parameters)
        return cost(shown, way, wire.encode(values, coding, base=base, rows=measured.rows))

    rows = [
        up("float32", "float32", weights, "both"),
        up("topk 10 %", "topk", weights, share=0.1),
        up("signs", "signs", weights),
        up("fixed", "fixed", update, "both"),
        _bound(layers, float32),
        up("delta", "delta", update),
        up("sparse 50 %", "sparse", update, top=0.5),
        up("sparse-delta 50 %", "sparse-delta", update, top=0.5),
        up("sparse 10 %", "sparse", update, top=0.1),
        up("sparse-delta 10 %", "sparse-delta", update, top=0.1),
        up("mask", "mask", {n: top_mask(p, 0.5) for n, p in update.items()}, keep=0.5),
    ]
    for bits in _BITS:
        buckets = {name: ballot(positions, bits) for name, positions in update.items()}
        rows.append(up(f"ballot {_bits(bits)}", "ballot", buckets, bits=bits))
    for bits in _DITHERED:
        rows.append(_dithered(measured, bits, cost))
    held = {"the first ranking": measured.first, "the round before": measured.before}
    for name, ranking in held.items():
        if ranking is None or measured.first is None:
            continue
        seen = wire.Base(0, ranking)
        message = encode_down(base.ranking, seen=seen, rows=measured.rows)
        rows.append(cost(f"delta given {name}", "down", message))
        for bits in _BITS:
            state, coarse = (coarsen(r, measured.first, bits) for r in (base.ranking, ranking))
            given = wire.Base(0, coarse)
            message = encode_down(state, seen=given, bits=bits, rows=measured.rows)
            rows.append(cost(f"ballot {_bits(bits)} given {name}", "down", message))
    if measured.ballots is not None:
        voters, *totals = measured.ballots
        names = (f"the run's ballots, mean of {voters}", f"sums of {voters} ballots")
        for name, way, total in zip(names, ("up", "down"), totals, strict=True):
            rows.append(Cost(name, way, total, 8 * total / edges, total / float32, {}))
    return rows


def _dithered(measured: Sample, bits: int, cost: Callable[[str, str, bytes], Cost]) -> Cost:
    """Encode a ballot with noise of one bucket's width, which both sides know."""
    layers = {name: int(positions.size) for name, positions in measured.update.items()}
    coding = wire.codings.make("ballot", bits=bits)
    channel = Channel(layers, coding, Ballots(bits, dither=1.0), measured.rows, coded=True)
    task = Task(measured.base.round, client=0, seed=0)
    sent = channel.dithered({**measured.update}, task)
    record = channel.send_update(sent, measured.base, task, coded=True)
    return cost(f"ballot {_bits(bits)}, dither 1", "up", coded_message(record) or b"")


def report(measured: Sample, rows: list[Cost]) -> dict[str, Any]:
    """Return what ``frl cost --json`` prints."""
    return {
        "model": measured.model,
        "measured_on": measured.source,
        "layers": {name: int(positions.size) for name, positions in measured.update.items()},
        "edges": sum(positions.size for positions in measured.update.values()),
        "codings": [row._asdict() for row in rows],
    }


def print_costs(measured: Sample, rows: list[Cost]) -> None:
    """Print a table that fits 80 columns."""
    edges = sum(positions.size for positions in measured.update.values())
    console = Console()
    console.print(f"{measured.model}: {edges:,} edges; measured on {measured.source}")
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("coding", "way", "bytes", "bits an edge", "of float32"):
        table.add_column(column, justify="left" if column in ("coding", "way") else "right")
    for row in rows:
        table.add_row(
            row.coding,
            row.way,
            f"{row.bytes:,}",
            f"{row.bits_per_edge:.3f}",
            f"{row.of_float32:.2%}",
        )
    console.print(table)


def _bits(bits: int) -> str:
    return f"{bits} bit{'s' if bits > 1 else ''}"


def _bound(layers: dict[str, int], float32: int) -> Cost:
    bits = {name: lgamma(n + 1) / log(2) for name, n in layers.items()}
    total = ceil(sum(bits.values()) / 8)
    sizes = {name: ceil(value / 8) for name, value in bits.items()}
    share = 8 * total / sum(layers.values())
    return Cost("log2(n!), the bound without a base", "both", total, share, total / float32, sizes)


def _of_run(directory: RunDirectory, source: str, model: str) -> Sample:
    """Train one client of the next round from the checkpoint of a run."""
    settings, checkpoint = directory.config(), directory.checkpoint()
    if checkpoint is None:
        raise InputError(f"--run {directory.path}: takes a run with a finished round")
    if settings.strategy.name != "frl":
        raise InputError(f"--run {directory.path}: takes a run of strategy.name 'frl'")
    if model and model != settings.model.name:
        raise InputError(f"--model: got {model!r}; the run is of {settings.model.name!r}")
    dataset = load_data(settings)
    partition, trainer = load_partition(settings, dataset), make_trainer(settings, dataset)
    following = checkpoint.round + 1
    drawn = sample_clients(
        settings.seed, following, settings.clients, settings.clients_per_round
    ).tolist()
    client = max(drawn, key=lambda drawn_client: len(partition.of(drawn_client)))
    chosen = partition.of(client)
    split = Split(dataset.train.inputs[chosen], dataset.train.labels[chosen])
    shard = Shard(*dataset.tensors(split, settings.engine.device))
    initial = trainer.initial
    update, _ = trainer.train(checkpoint.state, shard, Place(settings.seed, following, client))
    return Sample(
        settings.model.name,
        f"{source} after round {checkpoint.round}, client {client}",
        wire.Base(following, checkpoint.state),
        update,
        output_units(trainer.module),
        initial,
        _before(directory, checkpoint.round),
        _ballots(directory),
    )


def _before(directory: RunDirectory, round: int) -> Ranking | None:
    """Return the global ranking that a round began with, where its checkpoint is kept."""
    folder = directory.path / CHECKPOINT
    return checkpoint_of(folder, round - 1).state if round - 1 in rounds_kept(folder) else None


def _ballots(directory: RunDirectory) -> Round | None:
    """Encode the ballots of a round on record and their sums, where a channel would send both."""
    settings = directory.config()
    if not settings.strategy.ballot_bits or settings.strategy.rule:
        return None
    found = repeat_round(directory)
    channel, vote = replace(found.channel, history=1), Vote(found.state)
    base, seed = wire.Base(found.number, found.state), settings.seed
    up = 0
    for client, sent in zip(found.clients, found.sent, strict=True):
        vote.add(sent)
        up += len(channel.encode_update(sent, base, Task(found.number, client, seed)))
    step = channel.encode_step(base, found.clients, vote.sums, seed=seed)
    voters = len(found.clients)
    return None if step is None else Round(voters, round(up / voters), len(step))


def _made_up(name: str) -> Sample:
    """Draw rankings that move like those of real clients."""
    module = models.make(name, _SHAPES[name])
    weights: dict[str, Any] = {name: layer.weight for name, layer in edge_layers(module)}
    layers = {layer: int(weight.numel()) for layer, weight in weights.items()}
    rows = output_units(module)
    base = base_ranking(layers, seed=0)
    update = moved_ranking(base, rows, seed=1)
    return Sample(name, "made-up rankings", wire.Base(1, base), update, rows, None)
