"""A rule that assumes fewer malicious clients than half."""

from __future__ import annotations

from dataclasses import dataclass

from frl.registry.ranges import Count
from strategies.rules.base import Rule


@dataclass(frozen=True)
class MinorityRule(Rule):
    """A rule that assumes f malicious clients and takes more than 2f updates.

    Parameters
    ----------
    f : int
        Malicious clients assumed.
    """

    f: Count

    def minimum(self) -> int:
        """Leave an honest majority."""
        return 2 * self.f + 1
