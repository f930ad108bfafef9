"""The strip of rounds: a column a round, a mark for every client that it sampled."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from xml.etree.ElementTree import Element

from markupsafe import Markup

from experiments.report.view.charts.svg import add, markup, picture, write
from experiments.report.view.voters import DROPPED_BY_RULE, FATES, REJECTED, WEIGHED_DOWN, Voter

_SIZE, _LEFT, _FOOT = 12.0, 52.0, 34.0
_LEAST_COLUMNS, _MOST_ROWS = 30, 120


def strip(rounds: Mapping[int, Sequence[Voter]]) -> Markup | None:
    """Draw the clients of some rounds; ``None`` where there are none.

    Malicious clients are diamonds at the foot, honest ones squares above them; a mark is the paler
    the less its client counted, hollow where the rule dropped it, crossed where it was rejected.
    """
    rows = min(_MOST_ROWS, max(map(len, rounds.values()), default=0))
    if not rows:
        return None
    width = _LEFT + _SIZE * max(_LEAST_COLUMNS, len(rounds)) + 10
    height = rows * _SIZE + _FOOT + 6
    numbers = list(rounds)
    title = f"Clients of rounds {numbers[0]} to {numbers[-1]}"
    root = picture(width, height, title, _words(rounds))
    for key, value in (("class", "strip"), ("width", f"{width:g}"), ("height", f"{height:g}")):
        root.set(key, value)
    every = 1 if numbers[-1] < 10 else 5 if len(rounds) <= 60 else 10
    for column, (number, voters) in enumerate(rounds.items()):
        x = _LEFT + column * _SIZE
        if number % every == 0 or len(rounds) == 1:
            write(root, x + 6, height - 20, str(number), class_="tick", text_anchor="middle")
        for row, voter in enumerate(voters[:rows]):
            _mark(root, x, height - _FOOT - (row + 1) * _SIZE, number, voter)
    write(root, _LEFT + 60, height - 4, "round", class_="label", text_anchor="middle")
    middle = (height - _FOOT) / 2
    turn = f"rotate(-90 12 {middle:.1f})"
    write(root, 12, middle, "clients", class_="label", text_anchor="middle", transform=turn)
    return markup(root)


def _mark(root: Element, x: float, y: float, number: int, voter: Voter) -> None:
    side = "malicious" if voter.malicious else "honest"
    group = add(root, "g", class_=f"mark {side}")
    why = f", {voter.reason}" if voter.reason else ""
    text = f"round {number}, client {voter.client}, {side}: {voter.fate}{why}"
    if voter.fate in (WEIGHED_DOWN, DROPPED_BY_RULE):
        text += f", weight {voter.weight:.2f}"
    add(group, "title").text = text
    square, diamond = f"M{x + 2:g} {y + 2:g}h8v8h-8z", f"M{x + 6:g} {y + 1:g}l5 5l-5 5l-5-5z"
    shape = diamond if voter.malicious else square
    outline = voter.fate in (DROPPED_BY_RULE, REJECTED)
    if outline:
        add(group, "path", d=shape, class_="hollow")
    else:
        add(group, "path", d=shape, class_="full", opacity=f"{0.25 + 0.75 * voter.weight:.2f}")
    if voter.fate == REJECTED:
        add(group, "path", d=f"M{x + 3:g} {y + 3:g}l6 6m0-6l-6 6", class_="cross")


def _words(rounds: Mapping[int, Sequence[Voter]]) -> str:
    found = Counter((v.malicious, v.fate) for voters in rounds.values() for v in voters)
    sides = []
    for malicious in (False, True):
        counts = [f"{found[malicious, fate]} {fate}" for fate in FATES if found[malicious, fate]]
        if counts:
            name = "malicious" if malicious else "honest"
            sides.append(f"Of votes of {name} clients: {', '.join(counts)}")
    return ". ".join(sides)
