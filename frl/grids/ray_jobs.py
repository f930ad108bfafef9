"""The jobs of a Ray grid, and its workers with the jobs that each of them holds."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Any

from flwr.app import Message


@dataclass
class Worker:
    """One actor and the jobs it was given, oldest first; ``starting`` is ``None`` once it is up.

    ``lost`` are the references, with their deadlines, of jobs that others took over from it: it may
    have begun with them all the same, and is busy until they resolve.
    """

    actor: Any
    starting: Any
    held: deque[Job] = field(default_factory=deque)
    lost: dict[Any, float | None] = field(default_factory=dict)

    @property
    def load(self) -> int:
        """Number of jobs that it works on or will work on."""
        return len(self.held) + len(self.lost)


@dataclass
class Job:
    """A cohort of messages on its way to a worker and back; ``ref`` resolves to the replies."""

    messages: list[Message]
    attempts: int = 0
    ref: Any = None
