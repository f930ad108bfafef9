"""The majority of models of disjoint groups of clients, and how many malicious clients it bears.

FLCert (Cao, Zhang, Jia and Gong, IEEE TIFS 2022, arXiv:2210.00584): clients are dealt into groups,
each group trains a model of its own, and an example is given the label that most models give it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class GroupVote(NamedTuple):
    """The vote of the models of groups on some examples.

    Attributes
    ----------
    labels : int64 array of shape (examples,)
        Label that most models give; the smallest of several.
    tolerated : int64 array of shape (examples,)
        Most malicious clients that cannot change it, whatever they do in all rounds.
    """

    labels: NDArray[np.int64]
    tolerated: NDArray[np.int64]

    def certified(self, truth: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the certified accuracy: entry M is what M malicious clients leave at least.

        Parameters
        ----------
        truth : int64 array of shape (examples,)
            Right labels, of one example at least.

        Returns
        -------
        float64 array
            The share of examples labelled right that tolerate M, for M from 0 (the accuracy) to
            the first that is 0; not increasing.
        """
        right = self.tolerated[self.labels == truth]
        return np.append(np.bincount(right)[::-1].cumsum()[::-1], 0) / len(truth)


def group_vote(predictions: NDArray[np.int64], classes: int) -> GroupVote:
    """Take the vote of models that were trained by disjoint groups of clients.

    ``M`` malicious clients are in at most ``M`` groups, and each such model may give any label
    instead. With ``a`` votes for the winner ``y`` and ``b`` for another label ``z``, ``y`` wins as
    long as ``a - M >= b + M + [z < y]``, so ``floor((a - b - [z < y]) / 2)`` are tolerated for the
    worst ``z``. That is exact: one client more, in a group for ``y`` each, does change the label.

    Parameters
    ----------
    predictions : int64 array of shape (groups, examples)
        Labels from 0.
    classes : int
        Number of labels, at least 2.
    """
    labels = np.arange(classes)[:, None]
    votes = (predictions[:, None, :] == labels).sum(axis=0)
    winners = votes.argmax(axis=0)
    rivals = np.where(labels == winners, -1, votes + (labels < winners)).max(axis=0)
    return GroupVote(winners, (votes.max(axis=0) - rivals) // 2)
