"""What became of every client that a round sampled, next to the truth about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from strategies.dropped import DROPPED

COUNTED, WEIGHED_DOWN, DROPPED_BY_RULE, REJECTED = FATES = (
    "counted",
    "weighed down",
    "dropped by the rule",
    "rejected",
)
_FULL = 0.995


class Voter(NamedTuple):
    """A client in a round.

    Attributes
    ----------
    client : int
    malicious : bool
    fate : str
        One of ``FATES``.
    weight : float
        In the vote, 0 to 1; 1 where the rule weighs nobody.
    reason : str
        Of a rejection, or what took most of the weight.
    """

    client: int
    malicious: bool
    fate: str
    weight: float
    reason: str


def voters(row: Mapping[str, Any]) -> list[Voter]:
    """List the clients of a round, the malicious ones first, each kind by falling weight.

    Parameters
    ----------
    row : mapping
        Of the record; fields beyond those that every row has may hold anything.
    """
    malicious = set(row["malicious"])
    rejected = {client: reason for client, reason, *_ in _entries(row, "rejections", 2)}
    weights = {client: (weight, why) for client, weight, why, *_ in _entries(row, "weights", 3)}
    found = []
    for client in row["sampled"]:
        weight, reason = weights.get(client, (1.0, ""))
        if client in rejected:
            fate, weight, reason = REJECTED, 0.0, rejected[client]
        elif type(weight) not in (int, float):
            continue
        elif weight < DROPPED:
            fate = DROPPED_BY_RULE
        else:
            fate = COUNTED if weight >= _FULL else WEIGHED_DOWN
        found.append(Voter(client, client in malicious, fate, float(weight), str(reason)))
    return sorted(found, key=lambda voter: (not voter.malicious, -voter.weight, voter.client))


def are_weighed(rows: Sequence[Mapping[str, Any]]) -> bool:
    """Whether a rule weighs clients in any of these rounds."""
    return any(_entries(row, "weights", 3) for row in rows)


def _entries(row: Mapping[str, Any], key: str, least: int) -> list[list[Any]]:
    found = row.get(key)
    if not isinstance(found, list):
        return []
    return [
        entry
        for entry in found
        if isinstance(entry, list) and len(entry) >= least and type(entry[0]) is int
    ]
