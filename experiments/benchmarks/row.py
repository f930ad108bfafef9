"""The row of a benchmark: a ratio taken inside one run, and the bar it should meet."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Literal, NamedTuple


class Row(NamedTuple):
    """One figure.

    Attributes
    ----------
    name : str
    figure : str
        What the ratio is of, in words.
    value : float or None
        ``None`` where it was not measured.
    bar : float
    better : {"lower", "higher"}
        Which side of the bar is good.
    details : mapping
        The figures behind the ratio, with their units in their names; why it was not measured.
    """

    name: str
    figure: str
    value: float | None
    bar: float
    better: Literal["lower", "higher"]
    details: Mapping[str, float | str]

    @property
    def met(self) -> bool | None:
        """Whether the bar is met; ``None`` where nothing was measured."""
        if self.value is None:
            return None
        return self.value <= self.bar if self.better == "lower" else self.value >= self.bar


def cpu_seconds(work: Callable[[], object]) -> float:
    """Processor time that a call takes in this process."""
    begun = time.process_time()
    work()
    return time.process_time() - begun
