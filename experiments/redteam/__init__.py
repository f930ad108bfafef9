"""The search for the attack that hurts a defence most, at a stated budget of runs."""

from experiments.redteam.budget import Budget
from experiments.redteam.candidates import Candidate, values_to_try
from experiments.redteam.search import Attempt, Search, search

__all__ = ["Attempt", "Budget", "Candidate", "Search", "search", "values_to_try"]
