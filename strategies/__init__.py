"""Strategies: how a server turns clients' replies into the next global state."""

from __future__ import annotations

from typing import TYPE_CHECKING

from frl.registry.lazy import lazy_names

if TYPE_CHECKING:
    from strategies import pre_aggregation, rules
    from strategies.asked import Rejected
    from strategies.base import SeededStrategy
    from strategies.frl import FRL
    from strategies.gate import Admitted, Gate
    from strategies.robust.limits import Limits
    from strategies.robust.strategy import Robust
    from strategies.round_report import RoundReport
    from strategies.rule_strategy import RuleStrategy
    from strategies.sampling import sample_clients
    from strategies.vote import Vote, rank_by
else:
    __getattr__ = lazy_names(
        __name__,
        {
            "FRL": "strategies.frl",
            "Admitted": "strategies.gate",
            "Gate": "strategies.gate",
            "Rejected": "strategies.asked",
            "Limits": "strategies.robust.limits",
            "Robust": "strategies.robust.strategy",
            "RoundReport": "strategies.round_report",
            "RuleStrategy": "strategies.rule_strategy",
            "SeededStrategy": "strategies.base",
            "Vote": "strategies.vote",
            "pre_aggregation": "strategies.pre_aggregation",
            "rank_by": "strategies.vote",
            "rules": "strategies.rules",
            "sample_clients": "strategies.sampling",
        },
    )

__all__ = [
    "FRL",
    "Admitted",
    "Gate",
    "Limits",
    "Rejected",
    "Robust",
    "RoundReport",
    "RuleStrategy",
    "SeededStrategy",
    "Vote",
    "pre_aggregation",
    "rank_by",
    "rules",
    "sample_clients",
]
