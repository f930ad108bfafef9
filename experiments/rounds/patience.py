"""When a run stops because its clients keep failing."""

from __future__ import annotations

from experiments.rounds.row import Row
from frl.errors import StoppedError

FAILURES = ("error", "late", "offline")
"""Reasons of rejection that say a client failed, not that it sent something wrong."""


class Patience:
    """Stops a run in which clients only fail.

    A round with an admitted reply starts the count anew, so malicious clients cannot stop a run
    that honest ones take part in.

    Parameters
    ----------
    most : int
        Failures that are too many; 0 for no limit.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._failures = 0

    def check(self, row: Row) -> None:
        """Count the failures of a round: replies that are errors or did not come.

        Raises
        ------
        StoppedError
            If there were too many since the last good reply.
        """
        failed = [detail for _, reason, detail in row.rejections if reason in FAILURES]
        self._failures = 0 if row.admitted else self._failures + len(failed)
        if failed and 0 < self._most <= self._failures:
            raise StoppedError(
                f"{self._failures} client failures without a good reply up to round {row.round} "
                f"(engine.max_failures = {self._most}), the last: {failed[-1]}"
            )
