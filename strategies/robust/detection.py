"""What became of every node's reply in a round: for Flower's result, and as JSON lines."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Literal, NamedTuple, TypeAlias

from flwr.app import MetricRecord

from strategies.asked import UNKNOWN, Rejected
from strategies.dropped import DROPPED
from strategies.robust.reply_gate import Admitted
from strategies.robust.ruling import Ruled

BLAMELESS = ("error", "late")
"""Reasons of replies that did not come: a client may be broken without being malicious."""

By: TypeAlias = Literal["", "gate", "rule"]
_CODES: dict[By, int] = {"": 0, "gate": 1, "rule": 2}


class Verdict(NamedTuple):
    """What became of a node's reply.

    Attributes
    ----------
    round : int
    node : int
        ``UNKNOWN`` where nobody was asked what was answered.
    client : int
        Number of the node in this run, from 0.
    weight : float
        0 to 1: 0 for a reply that was rejected, 1 where the rule weighs nobody.
    by : {"", "gate", "rule"}
        Who took the reply out: the gate, or the rule by a weight below ``DROPPED``.
    reason : str
        In one word of the gate's or the rule's; empty where nothing was taken.
    detail : str
        Of the gate, for a person.
    """

    round: int
    node: int
    client: int
    weight: float
    by: By
    reason: str
    detail: str = ""


def verdicts(
    server_round: int,
    clients: Mapping[int, int],
    admitted: Sequence[Admitted],
    rejected: Sequence[Rejected],
    ruled: Ruled | None,
) -> tuple[Verdict, ...]:
    """Put together what the gate and the rule did to each reply, in the order of the clients.

    Parameters
    ----------
    server_round : int
    clients : mapping of node to client
    admitted : sequence of Admitted
    rejected : sequence of Rejected
    ruled : Ruled or None
        ``None`` where the rule had too little to work on.
    """
    found = [
        Verdict(server_round, node, clients.get(node, UNKNOWN), 0.0, "gate", reason, detail)
        for node, reason, detail in rejected
    ]
    weights = ruled.weights if ruled and ruled.weights else (1.0,) * len(admitted)
    reasons = ruled.reasons if ruled and ruled.reasons else ("",) * len(admitted)
    for reply, weight, reason in zip(admitted, weights, reasons, strict=True):
        by: By = "rule" if weight < DROPPED else ""
        client = clients[reply.node]
        found.append(Verdict(server_round, reply.node, client, float(weight), by, reason))
    return tuple(sorted(found, key=lambda verdict: (verdict.client, verdict.by)))


def suspects(verdicts: Iterable[Verdict]) -> set[int]:
    """Nodes whose reply was rejected for what it held, or dropped by the rule."""
    return {
        verdict.node
        for verdict in verdicts
        if verdict.by and verdict.reason not in BLAMELESS and verdict.node != UNKNOWN
    }


def as_metrics(verdicts: Sequence[Verdict], *, kept: bool) -> MetricRecord:
    """Write a round's verdicts as metrics, which hold numbers only.

    ``robust-nodes``, ``robust-weights`` and ``robust-by`` (0: counted, 1: rejected by the gate,
    2: dropped by the rule) are lists of equal length, in the order of the nodes;
    ``robust-admitted``, ``robust-rejected``, ``robust-dropped`` and ``robust-not-asked`` are
    counts, and ``robust-kept`` is 1 where the state was kept.
    """
    known = [verdict for verdict in verdicts if verdict.node != UNKNOWN]
    rejected = sum(verdict.by == "gate" for verdict in known)
    return MetricRecord(
        {
            "robust-nodes": [verdict.node for verdict in known],
            "robust-weights": [verdict.weight for verdict in known],
            "robust-by": [_CODES[verdict.by] for verdict in known],
            "robust-admitted": len(known) - rejected,
            "robust-rejected": rejected,
            "robust-dropped": sum(verdict.by == "rule" for verdict in known),
            "robust-not-asked": len(verdicts) - len(known),
            "robust-kept": int(kept),
        }
    )


def append_lines(path: Path, verdicts: Iterable[Verdict]) -> None:
    """Add a JSON object a verdict to a file, one a line."""
    lines = "".join(json.dumps(verdict._asdict(), allow_nan=False) + "\n" for verdict in verdicts)
    with path.open("a", encoding="utf-8") as file:
        file.write(lines)
