"""A line of accuracies as small as a word."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from experiments.report.view.charts.svg import add, markup, path, picture
from experiments.report.view.reading.points import Point

_WIDTH, _HEIGHT, _MOST = 120.0, 24.0, 60


def sparkline(points: Sequence[Point], rounds: int) -> Markup | None:
    """Draw accuracy from 0 to 1 over rounds; ``None`` before the first evaluation."""
    known = [(p.round, p.accuracy) for p in points if p.accuracy is not None]
    if not known:
        return None
    last = max(rounds, known[-1][0], 2)
    every = max(1, len(known) // _MOST)
    drawn = known[::every][:-1] + known[-1:]
    words = f"from {known[0][1]:.1%} in round {known[0][0]} to {known[-1][1]:.1%} in round "
    root = picture(_WIDTH, _HEIGHT, "Accuracy over rounds", f"{words}{known[-1][0]}")
    root.set("class", "spark")
    places = [
        (2 + (x - 1) / (last - 1) * (_WIDTH - 4), _HEIGHT - 2 - y * (_HEIGHT - 4)) for x, y in drawn
    ]
    add(root, "path", d=f"M0 {_HEIGHT - 1:g}h{_WIDTH:g}", class_="grid")
    add(root, "path", d=path([*places]), class_="line line-0")
    add(root, "circle", cx=places[-1][0], cy=places[-1][1], r=1.8, class_="dot-0")
    return markup(root)
