"""The labels of the shards as a run recorded them when it began."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, NamedTuple

from experiments.records.identity import read_identity
from experiments.report.view.shown import shown
from frl.errors import InputError

_LINE = re.compile(r"\d{1,12}( \d{1,12}){0,19999}", re.ASCII)
_MOST, _LETTERS = 200, 40


class Shard(NamedTuple):
    """What one client holds.

    Attributes
    ----------
    client : int
    counts : list of int
        Examples of each label.
    """

    client: int
    counts: list[int]

    @property
    def examples(self) -> int:
        """All of them."""
        return sum(self.counts)

    @property
    def main(self) -> int:
        """The most frequent label."""
        return self.counts.index(max(self.counts))

    @property
    def share(self) -> float:
        """Of the most frequent label, 0 to 1."""
        return max(self.counts) / max(1, self.examples)

    @property
    def labels(self) -> int:
        """How many labels occur."""
        return sum(count > 0 for count in self.counts)


class RecordedShards(NamedTuple):
    """Shards of some clients of a run.

    Attributes
    ----------
    shards : list of Shard
        By most frequent label, then by size.
    names : list of str
        Of the labels.
    """

    shards: list[Shard]
    names: list[str]

    @property
    def full(self) -> float:
        """The largest share of a label in a shard, 0 to 1."""
        return max(shard.share for shard in self.shards)


def recorded_shards(folder: Path) -> RecordedShards | None:
    """Read them; ``None`` where there are none, or the record is not as the run wrote it."""
    try:
        identity = read_identity(folder)
    except (InputError, KeyError):
        return None
    found = identity.about.get("shards") if identity else None
    lines = found.get("counts") if isinstance(found, dict) else None
    if not isinstance(lines, dict) or not 0 < len(lines) <= _MOST:
        return None
    shards = [
        Shard(int(client), [int(count) for count in line.split(" ")])
        for client, line in lines.items()
        if re.fullmatch(r"\d{1,9}", client, re.ASCII)
        and isinstance(line, str)
        and _LINE.fullmatch(line)
    ]
    width = {len(shard.counts) for shard in shards}
    if len(shards) != len(lines) or len(width) != 1:
        return None
    order = sorted(shards, key=lambda shard: (shard.main, shard.examples, shard.client))
    return RecordedShards(order, _names(found, *width))


def _names(found: Any, classes: int) -> list[str]:
    names = found.get("labels")
    if isinstance(names, list) and len(names) == classes:
        return [shown(str(name))[:_LETTERS] for name in names]
    return [str(label) for label in range(classes)]
