"""The weight below which a rule is said to have dropped a client."""

DROPPED = 0.05
"""A client of less weight counts as dropped."""
