"""Certificates of a real round, beside what the attacks of the library do to its votes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

import attacks
from attacks.base import CraftView
from experiments.analysis.honest_round import HonestRound
from frl.errors import InputError
from frl.randomness import Purpose, generator
from frl.ranking import Ranking
from frl.wire.boundaries import boundaries
from strategies import FRL
from strategies.certificates import Certificate, Honest, Parts, Reach, certify, reach
from strategies.rules import Rule

How: TypeAlias = Literal["added", "replaced"]
HOWS: tuple[How, ...] = ("added", "replaced")
ATTACKS: dict[str, dict[str, Any]] = {
    "boundary": {"source": "benign"},
    "half_swap": {},
    "reversal": {},
    "adaptive": {"source": "benign"},
}
"""Attacks that are run on a round, with full knowledge of it. ``boundary`` is the strongest on the
sum of ranks; ``adaptive`` searches for the strongest on any other rule."""

_Moved: TypeAlias = dict[str, tuple[int, str]]


class Proof(NamedTuple):
    """The certificate of a layer for one number of malicious votes, and what attacks achieved.

    Attributes
    ----------
    layer : str
    how : {"added", "replaced"}
        Malicious votes come on top of the honest ones, or in place of any of them.
    malicious : int
    certificate : Certificate
    moved : int or None
        Edges that the strongest attack took out of the mask; ``None`` where none was tried.
    attack : str
        Its name.
    """

    layer: str
    how: How
    malicious: int
    certificate: Certificate
    moved: int | None = None
    attack: str = ""


def counts(found: HonestRound) -> list[int]:
    """Numbers of malicious votes worth a look: a few, and up to half of the honest ones.

    A rule that is told the true number may not take as many.
    """
    votes = len(found.clients)
    numbers = {1, 2, 3} | {int(votes * share) for share in (0.1, 0.2, 0.3, 0.4, 0.5)}
    return sorted(
        n for n in numbers if 1 <= n <= max(1, votes // 2) and _rule(found, n).minimum() <= votes
    )


def prove(found: HonestRound, malicious: Sequence[int], *, attacked: bool = True) -> list[Proof]:
    """Certify the mask of every layer, and try to break it.

    Parameters
    ----------
    found : HonestRound
    malicious : sequence of int
        Numbers of malicious votes.
    attacked : bool
        Whether to try attacks.

    Raises
    ------
    InputError
        If there are more malicious votes than honest ones, or too few for the rule.
    """
    votes = len(found.clients)
    for number in malicious:
        if not 0 <= number <= votes:
            raise InputError(f"--malicious: got {number}; takes 0 to the {votes} honest votes")
    clean = {number: found.server(number).preview(found.rankings) for number in malicious}
    moved = {
        (number, how): _strongest(found, number, how, clean[number]) if attacked else {}
        for number in malicious
        for how in HOWS
    }
    proofs: list[Proof] = []
    for layer in found.state:
        honest, parts = _honest(found, layer), parts_of(found, layer)
        proofs += [
            Proof(
                layer,
                how,
                number,
                certify(
                    _reach(found, honest, parts, number, how),
                    clean[number][layer],
                    honest.previous,
                    parts,
                ),
                *moved[number, how].get(layer, ()),
            )
            for how in HOWS
            for number in malicious
        ]
    return proofs


def parts_of(found: HonestRound, layer: str) -> Parts:
    """Say where in the ranking of a layer the mask lies, its widest coat."""
    n = found.state[layer].size
    at = found.setting.mask_bounds(layer, n)
    if not at:
        return Parts(0, n)
    low = at[0] if found.setting.mask_by == "abs" and len(at) > 1 else 0
    return Parts(low, n - at[-1])


def _honest(found: HonestRound, layer: str) -> Honest:
    """Collect what the votes on a layer count, as the run's strategy counts them."""
    form = found.setup.channel.form
    weigh = form.votes if isinstance(found.server(0), FRL) else form.values
    previous = found.state[layer]
    one_vote = weigh(form.of(np.arange(previous.size, dtype=np.int32)))
    return Honest(
        np.stack([weigh(update[layer]) for update in found.sent]),
        np.sort(one_vote).astype(np.int64),
        previous,
        found.config.strategy.keep,
    )


def _reach(
    found: HonestRound, honest: Honest, parts: Parts, malicious: int, how: How
) -> Reach | None:
    strategy, n = found.config.strategy, honest.previous.size
    edges = {parts.low, n - parts.high} - {0, n}
    coarse = strategy.down_bits and not edges <= set(boundaries(n, strategy.down_bits).tolist())
    carried = strategy.down_slack >= 0
    if strategy.pre_aggregation or coarse or carried:
        return None
    clients = honest.clients + malicious * (how == "added")
    return reach(_rule(found, malicious), honest, malicious, clients)


def _rule(found: HonestRound, malicious: int) -> Rule:
    rule = found.setup.rule
    return rule.assuming(malicious) if found.config.strategy.oracle_f else rule


def _strongest(found: HonestRound, malicious: int, how: How, clean: Ranking) -> _Moved:
    """Try attacks and keep, for each layer, the one that takes most edges out of its mask."""
    server = found.server(malicious)
    left = list(found.rankings)
    if how == "replaced":
        left = _replaceable(left, clean)[malicious:]
    best: _Moved = {layer: (0, "") for layer in found.state}
    if not left:
        return {}
    for name, crafted in _crafted(found, left, malicious):
        outcome = server.preview([*left, *crafted])
        for layer, (most, _) in best.items():
            parts = parts_of(found, layer)
            lost = _inside(clean[layer], parts) & ~_inside(outcome[layer], parts)
            if (count := int(np.count_nonzero(lost))) > most:
                best[layer] = (count, name)
    return best


def _crafted(
    found: HonestRound, honest: Sequence[Ranking], malicious: int
) -> Iterator[tuple[str, Sequence[Ranking]]]:
    """Craft votes that know the honest ones."""
    server = found.server(malicious)
    view = CraftView(
        setting=found.setting,
        previous=found.state,
        own=honest,
        benign=honest,
        sampled=len(honest) + malicious,
        rule=server.preview,
    )
    searched = not isinstance(server, FRL) and _rule(found, malicious).minimum() <= len(honest)
    names = [name for name in ATTACKS if name != "adaptive" or searched]
    for name in names if malicious else ():
        rng = generator(found.setting.seed, Purpose.CRAFT, round=found.number)
        yield name, attacks.make(name, **ATTACKS[name]).craft(view, malicious, rng).updates


def _replaceable(rankings: Sequence[Ranking], clean: Ranking) -> list[Ranking]:
    """Order votes by how much they hold up the outcome, those that do most first."""

    def agreement(ranking: Ranking) -> float:
        return sum(float(np.corrcoef(part, clean[layer])[0, 1]) for layer, part in ranking.items())

    return sorted(rankings, key=agreement, reverse=True)


def _inside(ranking: NDArray[np.int32], parts: Parts) -> NDArray[np.bool_]:
    inside: NDArray[np.bool_] = (ranking < parts.low) | (ranking >= ranking.size - parts.high)
    return inside
