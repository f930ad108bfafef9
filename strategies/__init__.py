"""How a server turns clients' replies into the next global state."""

from __future__ import annotations

from typing import TYPE_CHECKING

from frl.lazy import lazy_attributes

if TYPE_CHECKING:
    from strategies.base import SeededStrategy
    from strategies.frl import FRL
    from strategies.gate import Admitted, Gate, Rejected
    from strategies.round_report import RoundReport
    from strategies.rule_strategy import RuleStrategy
    from strategies.sampling import sample_clients
    from strategies.vote import Vote, rank_by
else:
    __getattr__ = lazy_attributes(
        __name__,
        {
            "strategies.base": ("SeededStrategy",),
            "strategies.frl": ("FRL",),
            "strategies.gate": ("Admitted", "Gate", "Rejected"),
            "strategies.round_report": ("RoundReport",),
            "strategies.rule_strategy": ("RuleStrategy",),
            "strategies.sampling": ("sample_clients",),
            "strategies.vote": ("Vote", "rank_by"),
        },
    )

__all__ = [
    "FRL",
    "Admitted",
    "Gate",
    "Rejected",
    "RoundReport",
    "RuleStrategy",
    "SeededStrategy",
    "Vote",
    "rank_by",
    "sample_clients",
]
