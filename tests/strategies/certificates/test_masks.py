"""Certificates of masks against every attack there is, on small layers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from frl.errors import InputError
from frl.exchange.forms import Ballots, Form, Top, Whole
from strategies import rules
from strategies.certificates import Certificate, Honest, Parts, Reach, certify, reach, trivial
from strategies.rules import Rule, RuleContext
from strategies.rules.sum import Sum
from tests.strategies.certificates.exhaustive import Case, counted, proved, rankings, worst

FORMS = (Whole(), Ballots(1), Ballots(2), Ballots(2, 2.0, 0.4), Top(0.5), Top(0.5, "zero"))
SLOW = ("distance_filter", "krum_position")
BOUNDED = ("change_vote",)
"""Rules that bound the change of a whole layer, see test_bounded_change.py."""
RULES = [name for name in rules.list() if rules.get(name).space == "ranks" and name not in BOUNDED]


def noisy(n: int, clients: int, noise: float, rng: np.random.Generator, form: Form) -> np.ndarray:
    """Votes of clients that agree more or less, as a form counts them."""
    scores = np.arange(n) + noise * rng.standard_normal((clients, n))
    return np.array([counted(form, row.argsort().argsort().astype(np.int32)) for row in scores])


@st.composite
def cases(draw: st.DrawFn, rule: Rule, largest: int, malicious: int) -> Case:
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n = draw(st.integers(2, largest))
    low = draw(st.integers(0, n - 1))
    high = draw(st.integers(int(low == 0), n - low))
    clients = draw(st.integers(max(malicious, rule.minimum()), rule.minimum() + 3))
    form = draw(st.sampled_from(FORMS)) if isinstance(rule, Sum) else Whole()
    votes = noisy(n, clients, draw(st.sampled_from([0.3, 1.0, 3.0])), rng, form)
    previous = rng.permutation(n).astype(np.int32)
    return Case(rule, form, votes, previous, Parts(low, high), malicious, draw(st.booleans()))


@pytest.mark.parametrize("malicious", [1, 2])
@pytest.mark.parametrize("name", RULES)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_no_attack_does_more_than_is_certified(
    name: str, malicious: int, data: st.DataObject
) -> None:
    takes_f = any(parameter.name == "f" for parameter in rules.parameters(name))
    f = data.draw(st.integers(0, 2)) if takes_f else 0
    rule = rules.make(name, **({"f": f} if takes_f else {}))
    largest = 5 if malicious == 1 else 3 if name in SLOW else 4
    case = data.draw(cases(rule, largest, malicious))

    bound, truth = proved(case), worst(case)

    assert bound.edges == truth.edges
    assert bound.pinned <= truth.pinned
    assert bound.movable >= truth.movable
    assert bound.pinned + bound.movable <= bound.edges


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_for_one_vote_added_to_a_sum_the_certificate_is_exact(data: st.DataObject) -> None:
    case = data.draw(cases(Sum(), 6, 1))._replace(replaced=False)
    case = case._replace(parts=Parts(0, min(case.parts.low + case.parts.high, 5)))

    assert proved(case) == worst(case)


@pytest.mark.parametrize(("n", "malicious"), [(7, 1), (5, 2)])
@pytest.mark.parametrize("seed", range(3))
def test_larger_layers(n: int, malicious: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    votes = noisy(n, 6, 1.0, rng, Whole())
    previous = rng.permutation(n).astype(np.int32)
    case = Case(Sum(), Whole(), votes, previous, Parts(0, n // 2), malicious, replaced=False)

    bound, truth = proved(case), worst(case)

    assert bound.pinned <= truth.pinned <= truth.edges
    assert truth.movable <= bound.movable <= truth.movable + (malicious > 1)


@pytest.mark.parametrize("replaced", [False, True])
@pytest.mark.parametrize("name", sorted(set(RULES) - set(SLOW)))
def test_nobody_malicious_moves_nothing(name: str, replaced: bool) -> None:
    takes_f = any(parameter.name == "f" for parameter in rules.parameters(name))
    rule = rules.make(name, **({"f": 1} if takes_f else {}))
    rng = np.random.default_rng(0)
    votes = noisy(300, 9, 80.0, rng, Whole())
    previous = rng.permutation(300).astype(np.int32)

    for parts in (Parts(0, 120), Parts(70, 40)):
        case = Case(rule, Whole(), votes, previous, parts, 0, replaced)
        kept = parts.low + parts.high
        # The rule's own share of the mask, not that of the parts, decides what approval counts.
        assert proved(case) == Certificate(kept, kept, 0)


def crossed(case: Case, rng: np.random.Generator) -> np.ndarray:
    """Colluders' votes that lift what is just below the mask, each in another order."""
    order = np.lexsort((case.previous, case.votes.sum(axis=0)))
    at, n = case.previous.size - case.parts.high, case.previous.size
    q = int(rng.integers(1, min(at, n - at) + 1))
    crafted = []
    for _ in range(case.malicious):
        up, down = rng.permutation(order[at - q : at]), rng.permutation(order[at : at + q])
        sent = np.concatenate([down, order[: at - q], order[at + q :], up])
        crafted.append(sent.argsort())
    return np.array(crafted)


@pytest.mark.parametrize("name", RULES)
def test_attacks_on_a_layer_of_many_edges(name: str) -> None:
    takes_f = any(parameter.name == "f" for parameter in rules.parameters(name))
    rule = rules.make(name, **({"f": 2} if takes_f else {}))
    rng = np.random.default_rng(1)
    n, clients = 400, 11
    votes = noisy(n, clients, 40.0, rng, Whole())
    previous = rng.permutation(n).astype(np.int32)
    for malicious in (1, 2, 4):
        case = Case(rule, Whole(), votes, previous, Parts(0, 200), malicious, replaced=False)
        bound = proved(case)
        clean = rankings(case, [votes])[0] >= 200
        trials = [np.concatenate([votes, crossed(case, rng)]) for _ in range(40)]
        lost = (clean & (rankings(case, trials) < 200)).sum(axis=1)
        assert lost.max() <= bound.movable
        assert (clean & (rankings(case, trials) >= 200).all(axis=0)).sum() >= bound.pinned


def test_more_malicious_votes_certify_less() -> None:
    rng = np.random.default_rng(2)
    votes = noisy(1000, 25, 60.0, rng, Whole())
    previous = rng.permutation(1000).astype(np.int32)
    case = Case(Sum(), Whole(), votes, previous, Parts(0, 500), 0, replaced=False)

    found = [proved(case._replace(malicious=m)) for m in range(13)]

    moved = [certificate.movable for certificate in found]
    assert moved == sorted(moved)
    assert 0 == moved[0] < moved[1] < moved[3] < 500
    assert found[1].certified > found[1].pinned_share > 0.5


class Unheard(Rule):
    """A rule of which nothing is proved."""

    space = "ranks"

    def _combine(self, *arguments: Any) -> Any:
        raise NotImplementedError


def test_an_unknown_rule_gets_the_trivial_certificate() -> None:
    ranking = np.arange(10, dtype=np.int32)
    honest = Honest(ranking[None], np.arange(10), ranking)

    assert reach(Unheard(), honest, 1, 2) is None
    assert certify(None, ranking, ranking, Parts(0, 7)) == trivial(10, Parts(0, 7))
    assert trivial(10, Parts(0, 7)) == Certificate(7, 0, 3)
    assert trivial(10, Parts(4, 6)) == Certificate(10, 10, 0)
    assert trivial(10, Parts(0, 7)).certified == pytest.approx(4 / 7)


def test_every_rule_on_rankings_has_a_certificate() -> None:
    ranking = np.arange(10, dtype=np.int32)
    honest = Honest(np.tile(ranking, (9, 1)), np.arange(10), ranking)
    for name in RULES:
        takes_f = any(parameter.name == "f" for parameter in rules.parameters(name))
        rule = rules.make(name, **({"f": 1} if takes_f else {}))
        found = certify(reach(rule, honest, 1, 10), ranking, ranking, Parts(0, 5))
        assert found.movable < 5, name


def test_sums_that_do_not_fit_are_refused() -> None:
    ranking = np.arange(4, dtype=np.int32)
    huge = np.full(4, 2**60)

    with pytest.raises(InputError, match="too large"):
        certify(Reach(huge, huge, np.arange(4), 1), ranking, ranking, Parts(0, 2))


def test_the_page_on_certificates_speaks_of_every_rule() -> None:
    page = (Path(__file__).parents[3] / "docs" / "certificates.md").read_text(encoding="utf-8")

    for name in (*RULES, *BOUNDED):
        assert f"| `{name}`" in page, name


@pytest.mark.parametrize("name", RULES)
def test_what_a_rule_makes_of_honest_votes_is_within_reach(name: str) -> None:
    takes_f = any(parameter.name == "f" for parameter in rules.parameters(name))
    rule = rules.make(name, **({"f": 2} if takes_f else {}))
    rng = np.random.default_rng(3)
    votes = noisy(200, 9, 60.0, rng, Whole())
    previous = rng.permutation(200).astype(np.int32)
    context = RuleContext(tuple(range(9)), (200,), previous=torch.from_numpy(previous))
    sums = rule.aggregate(torch.from_numpy(votes.astype(np.int32)), context, {}).vector.numpy()

    found = reach(rule, Honest(votes, np.arange(200), previous), 0, 9)

    assert found is not None
    assert found.votes == 0
    assert (found.lowered <= sums).all()
    assert (sums <= found.raised).all()
