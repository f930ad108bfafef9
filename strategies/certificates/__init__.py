"""Certificates: proved bounds on the effect of malicious votes, see ``docs/certificates.md``."""

from strategies.certificates.bounded_change import most_moved
from strategies.certificates.group_vote import GroupVote, group_vote
from strategies.certificates.honest import Honest
from strategies.certificates.mask import Certificate, Parts, Reach, certify, trivial
from strategies.certificates.reach import reach

__all__ = [
    "Certificate",
    "GroupVote",
    "Honest",
    "Parts",
    "Reach",
    "certify",
    "group_vote",
    "most_moved",
    "reach",
    "trivial",
]
