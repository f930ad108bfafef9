"""Weights that a rule gave to clients over rounds, honest and malicious ones apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean

from markupsafe import Markup

from experiments.report.view.charts.axes import FOOT, LEGEND, Frame, Span, draw_axes
from experiments.report.view.charts.svg import add, markup, path, picture, write
from experiments.report.view.voters import REJECTED, Voter

_WIDTH, _HEIGHT, _APART, _MOST = 640.0, 268.0, 0.18, 6000


def weight_chart(rounds: Mapping[int, Sequence[Voter]]) -> Markup | None:
    """Draw each vote as a dot or a cross, and the means of both kinds as lines.

    ``None`` where no reply was admitted. Of very many votes only the means are drawn.
    """
    kinds: dict[str, dict[int, list[float]]] = {"honest": {}, "malicious": {}}
    for number, voters in rounds.items():
        for voter in voters:
            if voter.fate != REJECTED:
                kind = "malicious" if voter.malicious else "honest"
                kinds[kind].setdefault(number, []).append(voter.weight)
    known = {kind: found for kind, found in kinds.items() if found}
    if not known:
        return None
    last = max(rounds)
    frame = Frame(_WIDTH, _HEIGHT, Span(1, max(2, last)), Span(0, 1), FOOT + LEGEND)
    root = picture(_WIDTH, _HEIGHT, "Weights in the vote over rounds", _words(known))
    draw_axes(root, frame, "round", "weight in the vote")
    several = sum(len(w) for found in known.values() for w in found.values()) <= _MOST
    for place, (kind, found) in enumerate(known.items()):
        shift = -_APART if kind == "honest" else _APART
        dots = [frame.at(x + shift, y) for x, weights in found.items() for y in weights]
        if several:
            add(root, "path", d="".join(map(_MARKS[kind], dots)), class_=f"dots {kind}")
        means = [frame.at(x, fmean(weights)) for x, weights in found.items()]
        add(root, "path", d=path([*means]), class_=f"line mean-{kind}")
        x, y = 52 + 290 * place, _HEIGHT - 5
        add(root, "path", d=f"M{x:g} {y - 4:g}h18", class_=f"line mean-{kind}")
        write(root, x + 23, y, f"{kind}: votes and their mean", class_="tick entry")
    return markup(root)


def _dot(at: tuple[float, float]) -> str:
    return f"M{at[0]:.1f} {at[1]:.1f}h.01"


def _cross(at: tuple[float, float]) -> str:
    return f"M{at[0] - 2:.1f} {at[1] - 2:.1f}l4 4m0-4l-4 4"


def _words(known: Mapping[str, Mapping[int, Sequence[float]]]) -> str:
    parts = []
    for kind, found in known.items():
        first, last = next(iter(found)), list(found)[-1]
        parts.append(
            f"Mean weight of {kind} clients: {fmean(found[first]):.2f} in round {first}, "
            f"{fmean(found[last]):.2f} in round {last}"
        )
    return ". ".join(parts)


_MARKS = {"honest": _dot, "malicious": _cross}
