"""How many suspects a round may have, and what becomes of one with more."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from frl.errors import InputError, StoppedError
from strategies.rules import Rule
from strategies.rules.krum import Krum


@dataclass(frozen=True)
class Suspicion:
    """The bound on suspects.

    Attributes
    ----------
    at_most : int or None
        ``None`` for any number.
    otherwise : {"keep", "stop"}
    """

    at_most: int | None
    otherwise: Literal["keep", "stop"]

    def __post_init__(self) -> None:
        """Refuse what is no bound."""
        if self.at_most is not None and self.at_most < 0:
            raise InputError(f"at_most: got {self.at_most}; takes 0 or more")
        if self.otherwise not in ("keep", "stop"):
            raise InputError(f"otherwise: got {self.otherwise!r}; takes 'keep' or 'stop'")

    def require_telling(self, rule: Rule) -> None:
        """Refuse a rule that makes suspects of all clients but one."""
        if self.at_most is not None and isinstance(rule, Krum):
            raise InputError(
                f"at_most: {rule!r} drops all updates but one, so it tells nobody apart; takes "
                "multi_krum, or no at_most"
            )

    def complaint(self, server_round: int, suspects: set[int]) -> str:
        """Say why the state must be kept; empty if there are no more suspects than allowed.

        Raises
        ------
        StoppedError
            Instead, where that was asked for.
        """
        if self.at_most is None or len(suspects) <= self.at_most:
            return ""
        why = f"{len(suspects)} suspects, more than at_most = {self.at_most}"
        if self.otherwise == "stop":
            raise StoppedError(f"round {server_round}: {why}: nodes {sorted(suspects)}")
        return why
