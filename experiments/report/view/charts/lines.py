"""Lines over rounds."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from xml.etree.ElementTree import Element

from markupsafe import Markup

from experiments.report.view.charts.axes import FOOT, LEGEND, Frame, Span, draw_axes, number
from experiments.report.view.charts.svg import add, markup, path, picture, write

_WIDTH, _HEIGHT = 640.0, 250.0
_MOST = 600
"""Points of a line; of more, the highest and the lowest of each stretch are drawn."""

_IN_A_ROW, _LETTERS = 4, 18
"""Entries of a legend, and letters of each."""

Line = Sequence[tuple[int, float | None]]
"""Rounds and values, ``None`` where there is none."""


def line_chart(
    title: str, unit: str, lines: Mapping[str, Line], rounds: int, whole: Span | None = None
) -> Markup | None:
    """Draw lines over rounds; ``None`` where there is nothing to draw.

    Parameters
    ----------
    title : str
    unit : str
        What the values are, on their axis.
    lines : mapping of str to Line
    rounds : int
        With which the axis ends.
    whole : Span, optional
        What the values can be; by default from 0, or the lowest, to the highest.
    """
    known = {name: [(x, y) for x, y in line if _is_number(y)] for name, line in lines.items()}
    values = [y for line in known.values() for _, y in line if y is not None]
    if not values:
        return None
    low, high = min(0.0, *values), max(values)
    span = whole or Span(low, high if high > low else low + 1)
    last = max([rounds, *(x for line in known.values() for x, _ in line), 2])
    legend = LEGEND * -(-len(lines) // _IN_A_ROW) if len(lines) > 1 else 0.0
    frame = Frame(_WIDTH, _HEIGHT + legend, Span(1, last), span, FOOT + legend)
    root = picture(frame.width, frame.height, title, _words(known))
    draw_axes(root, frame, "round", unit)
    for place, line in enumerate(known.values()):
        points = [frame.at(x, y) for x, y in _thinned(line)]
        if len(points) == 1:
            add(root, "circle", cx=points[0][0], cy=points[0][1], r=3, class_=f"dot-{place % 7}")
        add(root, "path", d=path([*points]), class_=_look(place))
    if len(lines) > 1:
        _legend(root, list(lines))
    return markup(root)


def _legend(root: Element, names: Sequence[str]) -> None:
    for place, name in enumerate(names):
        row, column = divmod(place, _IN_A_ROW)
        x, y = 52 + column * (_WIDTH - 60) / _IN_A_ROW, _HEIGHT + LEGEND * (row + 1) - 5
        add(root, "path", d=f"M{x:.1f} {y - 4:.1f}h22", class_=_look(place))
        write(root, x + 27, y, name[:_LETTERS], class_="tick entry")


def _look(place: int) -> str:
    return f"line line-{place % 7} dash-{place % 4}"


def _thinned(line: Sequence[tuple[int, float | None]]) -> list[tuple[float, float]]:
    points = [(float(x), float(y)) for x, y in line if y is not None]
    if len(points) <= _MOST:
        return points
    edges = [len(points) * part // (_MOST // 2) for part in range(_MOST // 2 + 1)]
    kept: set[int] = {0, len(points) - 1}
    for begin, end in pairwise(edges):
        stretch = range(begin, end)
        kept.add(min(stretch, key=lambda place: points[place][1]))
        kept.add(max(stretch, key=lambda place: points[place][1]))
    return [points[place] for place in sorted(kept)]


def _words(lines: Mapping[str, Sequence[tuple[int, float | None]]]) -> str:
    parts = []
    for name, line in lines.items():
        if not line:
            continue
        values = [(y, x) for x, y in line if y is not None]
        (best, at), (worst, low_at) = max(values), min(values)
        parts.append(
            f"{name}: {number(values[0][0])} in round {values[0][1]}, {number(values[-1][0])} in "
            f"round {values[-1][1]}; highest {number(best)} in round {at}, lowest {number(worst)} "
            f"in round {low_at}"
        )
    return ". ".join(parts)


def _is_number(value: float | None) -> bool:
    return value is not None and math.isfinite(value)
