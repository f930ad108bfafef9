"""How a server turns clients' replies into the next global state."""

from strategies.base import SeededStrategy
from strategies.frl import FRL
from strategies.gate import Admitted, Gate, Rejected
from strategies.round_report import RoundReport
from strategies.rule_strategy import RuleStrategy
from strategies.sampling import sample_clients
from strategies.vote import Vote, rank_by

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
