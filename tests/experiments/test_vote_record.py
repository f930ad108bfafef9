from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import rankdata

from attacks.base import Setting
from experiments.config import from_flat
from experiments.records import RunDirectory
from experiments.rounds.loop import execute
from experiments.rounds.vote_record import BINS, VoteRecorder, margin
from frl.exchange.forms import Ballots, Form, Top, Whole
from frl.ranking import kept_edges, top_mask
from strategies.vote import Vote

FORMS = [Whole(), Ballots(3, 1.0, 0.5), Top(0.4, "mean")]


def setting(keep: float, mask_by: str = "score", scores: NDArray[np.float32] | None = None):  # type: ignore[no-untyped-def]
    known = {} if scores is None else {"a": scores}
    return Setting(0, 1, 5, 10, keep=keep, mask_by=mask_by, sorted_scores=known)


def voted(seed: int, n: int, voters: int, form: Form):  # type: ignore[no-untyped-def]
    rng = np.random.default_rng(seed)
    before = {"a": rng.permutation(n).astype(np.int32)}
    ballots = [form.votes(form.of(rng.permutation(n).astype(np.int32))) for _ in range(voters)]
    vote = Vote(before)
    for ballot in ballots:
        vote.add({"a": ballot})
    return before, ballots, vote


@given(st.integers(0, 99), st.integers(2, 40), st.integers(1, 6))
def test_agreement_is_kendalls_w(seed: int, n: int, voters: int) -> None:
    before, ballots, vote = voted(seed, n, voters, Whole())

    found = VoteRecorder(setting(0.5), Whole(), {"a": n})(before, before, vote, full=False)

    sums = sum(rankdata(ballot) for ballot in ballots)
    s = ((sums - sums.mean()) ** 2).sum()
    assert found.agreement is not None
    assert found.agreement["a"] == pytest.approx(12 * s / (voters**2 * (n**3 - n)), abs=1e-6)


@pytest.mark.parametrize("form", FORMS, ids=str)
def test_equal_ballots_agree_in_full_whatever_is_sent(form: Form) -> None:
    before, ballots, _ = voted(0, 50, 1, form)
    vote = Vote(before)
    for _ in range(4):
        vote.add({"a": ballots[0]})

    found = VoteRecorder(setting(0.5), form, {"a": 50})(before, before, vote, full=False)

    assert found.agreement == {"a": 1.0}


@given(st.integers(0, 99), st.integers(1, 40), st.sampled_from([0.1, 0.5, 0.9, 1.0]))
def test_churn_is_the_share_of_the_mask_that_is_new(seed: int, n: int, keep: float) -> None:
    before, _, vote = voted(seed, n, 3, Whole())
    after = vote.result()

    found = VoteRecorder(setting(keep), Whole(), {"a": n})(before, after, vote, full=True)

    old = set(np.flatnonzero(top_mask(before["a"], keep)))
    new = set(np.flatnonzero(top_mask(after["a"], keep)))
    assert found.churn["a"] == pytest.approx(len(new - old) / len(new), abs=1e-6)
    assert VoteRecorder(setting(keep), Whole(), {"a": n})(before, before, None, full=True) == (
        {"a": 0.0},
        None,
        None,
    )


def test_of_several_coats_the_widest_is_the_mask_on_record() -> None:
    before, _, vote = voted(0, 60, 5, Whole())
    after = vote.result()
    one = setting(0.3)
    several = dataclasses.replace(one, coats=3)

    found = [
        VoteRecorder(known, Whole(), {"a": 60})(before, after, vote, full=True)
        for known in (one, several)
    ]

    assert found[0] == found[1]


@pytest.mark.parametrize("mask_by", ["score", "abs"])
@pytest.mark.parametrize("seed", range(5))
def test_a_margin_says_on_which_side_of_the_mask_an_edge_is(mask_by: str, seed: int) -> None:
    n, keep = 60, 0.3
    scores = np.sort(np.random.default_rng(seed).normal(size=n).astype(np.float32))
    before, _, vote = voted(seed, n, 5, Whole())
    after = vote.result()["a"]
    value = scores[after] if mask_by == "score" else np.abs(scores[after])
    inside = set(np.argsort(value)[n - kept_edges(n, keep) :])
    known = setting(keep, mask_by, scores)

    found = margin(vote.sums["a"], after, known.boundaries("a", n))
    record = VoteRecorder(known, Whole(), {"a": n})(before, {"a": after}, vote, full=True)

    assert all(found[edge] >= 0 for edge in inside)
    assert all(found[edge] <= 0 for edge in range(n) if edge not in inside)
    assert record.margins is not None
    counts = record.margins["a"]
    assert (len(counts), sum(counts)) == (BINS, n)
    edges = np.linspace(-1, 1, BINS + 1) * 5 * (n - 1)
    assert counts == np.histogram(found + 1e-9, bins=edges)[0].tolist()


def test_a_run_by_ranks_records_its_votes_and_one_by_weights_none(tmp_path) -> None:  # type: ignore[no-untyped-def]
    small = {"rounds": 2, "clients": 6, "clients_per_round": 3, "train.epochs": 1}
    rows = {}
    for name, rule in (("frl", "sum"), ("fedavg", "mean")):
        directory = RunDirectory(tmp_path / name)
        execute(from_flat({**small, "strategy.name": name, "strategy.rule": rule}), directory)
        rows[name] = directory.rows()

    first, last = rows["frl"]
    assert list(first["churn"]) == list(first["agreement"]) == list(last["margins"])
    assert all(0 < share < 1 for share in first["churn"].values())
    assert all(1 / 3 < w < 1 for w in first["agreement"].values())
    assert first["margins"] is None
    assert rows["fedavg"][1]["churn"] is None
