"""The cost of one message of a model in every coding, next to float32."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import ceil, lgamma, log
from typing import Any, NamedTuple

import numpy as np
from rich.console import Console
from rich.table import Table

from experiments.analysis.cost_sample import Sample
from experiments.analysis.cost_total import Participation
from frl import wire
from frl.arrays import Arrays
from frl.exchange.ballots import ballot
from frl.exchange.channel import Channel
from frl.exchange.downlink import coarsen, encode_down
from frl.exchange.forms import Ballots
from frl.ranking import top_mask
from frl.task import Task

_BITS = (8, 6, 4, 3, 2, 1)
_DITHERED = (4, 2, 1)


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


def costs(measured: Sample) -> list[Cost]:
    """Encode a sample in every coding and count the bytes."""
    if measured.coding:
        return _of_one_coding(measured)
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

    def up(shown: str, name: str, values: Arrays, way: str = "up", **parameters: Any) -> Cost:
        coding = wire.codings.make(name, **parameters)
        return cost(shown, way, wire.encode(values, coding, base=base, rows=measured.rows))

    rows = [
        up("float32", "float32", weights, "both"),
        up("topk 10 %", "topk", weights, share=0.1),
        up("signs", "signs", weights),
        up("fixed", "fixed", update, "both"),
        _bound(layers, float32),
        up("delta", "delta", update),
        up("sparse 50 %", "sparse", update, share=0.5),
        up("sparse-delta 50 %", "sparse-delta", update, share=0.5),
        up("sparse 10 %", "sparse", update, share=0.1),
        up("sparse-delta 10 %", "sparse-delta", update, share=0.1),
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
        known = wire.Base(0, ranking)
        message = encode_down(base.state, held=known, rows=measured.rows)
        rows.append(cost(f"delta given {name}", "down", message))
        for bits in _BITS:
            state, coarse = (coarsen(r, measured.first, bits) for r in (base.state, ranking))
            given = wire.Base(0, coarse)
            message = encode_down(state, held=given, bits=bits, rows=measured.rows)
            rows.append(cost(f"ballot {_bits(bits)} given {name}", "down", message))
    if measured.ballots is not None:
        voters, *totals = measured.ballots
        names = (f"the run's ballots, mean of {voters}", f"sums of {voters} ballots")
        for name, way, total in zip(names, ("up", "down"), totals, strict=True):
            if total is None:
                continue
            rows.append(Cost(name, way, total, 8 * total / edges, total / float32, {}))
    return rows


def _of_one_coding(measured: Sample) -> list[Cost]:
    """Set what a run sends up beside float32, where no other coding fits it."""
    edges = sum(values.size for values in measured.base.state.values())
    raw = len(wire.encode(measured.base.state, wire.codings.make("float32")))
    sizes = (("float32", "both", raw), (f"the run's {measured.coding}", "up", measured.total[0].up))
    return [Cost(name, way, size, 8 * size / edges, size / raw, {}) for name, way, size in sizes]


def _dithered(measured: Sample, bits: int, cost: Callable[[str, str, bytes], Cost]) -> Cost:
    """Encode a ballot with noise of one bucket's width, which both sides know."""
    channel = Channel(form=Ballots(bits, dither=1.0), rows=measured.rows)
    task = Task(measured.base.round, client=0, seed=0)
    sent = channel.form.dithered(measured.update, task)
    message = channel.encode_update(sent, measured.base, task)
    return cost(f"ballot {_bits(bits)}, dither 1", "up", message)


def report(measured: Sample, rows: list[Cost]) -> dict[str, Any]:
    """Return what ``frl cost --json`` prints."""
    return {
        "model": measured.model,
        "measured_on": measured.source,
        "layers": {name: int(positions.size) for name, positions in measured.update.items()},
        "edges": sum(positions.size for positions in measured.update.values()),
        "codings": [row._asdict() for row in rows],
        "total": [row._asdict() | {"both": row.both} for row in measured.total],
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
    if measured.total:
        console.print("\nas this run sends it, bits an edge:")
        console.print(_totals(measured.total, edges))


def _totals(total: Sequence[Participation], edges: int) -> Table:
    """Say what a client sends and is sent when it takes part."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("a client takes part", "up", "down", "both", "bytes"):
        table.add_column(column, justify="left" if column == "a client takes part" else "right")
    for row in total:
        shares = (f"{8 * size / edges:.3f}" for size in (row.up, row.down, row.both))
        table.add_row(row.often, *shares, f"{row.both:,}")
    return table


def _bits(bits: int) -> str:
    return f"{bits} bit{'s' if bits > 1 else ''}"


def _bound(layers: dict[str, int], float32: int) -> Cost:
    bits = {name: lgamma(n + 1) / log(2) for name, n in layers.items()}
    total = ceil(sum(bits.values()) / 8)
    sizes = {name: ceil(value / 8) for name, value in bits.items()}
    share = 8 * total / sum(layers.values())
    return Cost("log2(n!), the bound without a base", "both", total, share, total / float32, sizes)
