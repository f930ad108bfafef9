"""The majority of the models of groups, against all that malicious clients can do to it."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from strategies.certificates import group_vote


def winner(votes: tuple[int, ...], classes: int) -> int:
    return max(range(classes), key=lambda label: (votes.count(label), -label))


def tolerated(votes: tuple[int, ...], classes: int) -> int:
    """Most groups whose votes can be replaced by any others, whichever, without another winner."""
    for malicious in range(1, len(votes) + 1):
        for where in itertools.combinations(range(len(votes)), malicious):
            for instead in itertools.product(range(classes), repeat=malicious):
                changed = list(votes)
                for group, label in zip(where, instead, strict=True):
                    changed[group] = label
                if winner(tuple(changed), classes) != winner(votes, classes):
                    return malicious - 1
    raise AssertionError("any label wins if all vote for it")


@pytest.mark.parametrize(("groups", "classes"), [(1, 2), (2, 3), (4, 2), (4, 4), (5, 3)])
def test_what_is_tolerated_is_what_no_change_of_so_many_groups_turns(
    groups: int, classes: int
) -> None:
    cases = list(itertools.product(range(classes), repeat=groups))

    found = group_vote(np.array(cases).T, classes)

    assert found.labels.tolist() == [winner(case, classes) for case in cases]
    assert found.tolerated.tolist() == [tolerated(case, classes) for case in cases]


def test_certified_accuracy_counts_right_labels_that_tolerate_so_many() -> None:
    votes = np.array([[0, 1, 2, 2], [0, 1, 2, 2], [0, 1, 0, 2], [0, 0, 1, 2], [0, 1, 1, 2]])

    found = group_vote(votes, 3)
    certified = found.certified(np.array([0, 1, 1, 0]))

    assert found.labels.tolist() == [0, 1, 1, 2]
    assert found.tolerated.tolist() == [2, 1, 0, 2]
    assert certified.tolist() == [0.75, 0.5, 0.25, 0.0]


def test_where_no_label_is_right_nothing_is_certified() -> None:
    assert group_vote(np.array([[0, 1]]), 2).certified(np.array([1, 0])).tolist() == [0.0]
