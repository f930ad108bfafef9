"""The axes of a chart: round numbers on them, and places for values."""

from __future__ import annotations

import math
from typing import NamedTuple
from xml.etree.ElementTree import Element

from experiments.report.view.charts.svg import add, write

_LEFT, _RIGHT, _TOP = 52.0, 10.0, 10.0
FOOT, LEGEND = 36.0, 18.0
"""Room below a chart for its axis, and below that for a line that says which line is which."""


class Span(NamedTuple):
    """A stretch of numbers, from low to high."""

    low: float
    high: float


class Frame(NamedTuple):
    """The inside of a chart.

    Attributes
    ----------
    width, height : float
        Of the whole picture.
    x, y : Span
        What lies at its sides.
    foot : float
        Room below it.
    """

    width: float
    height: float
    x: Span
    y: Span
    foot: float = FOOT

    def at(self, x: float, y: float) -> tuple[float, float]:
        """Return the place of a value in the picture."""
        across = (x - self.x.low) / ((self.x.high - self.x.low) or 1)
        up = (y - self.y.low) / ((self.y.high - self.y.low) or 1)
        wide, high = self.width - _LEFT - _RIGHT, self.height - _TOP - self.foot
        return _LEFT + across * wide, self.height - self.foot - min(1.05, max(-0.05, up)) * high


def ticks(span: Span, most: int = 5) -> list[float]:
    """Return round numbers in a span, at most so many and one more."""
    width = span.high - span.low
    if not width > 0 or not math.isfinite(width):
        return [span.low]
    rough = width / most
    size = 10.0 ** math.floor(math.log10(rough))
    step = next(size * factor for factor in (1, 2, 5, 10) if size * factor >= rough * (1 - 1e-9))
    first = math.ceil(span.low / step - 1e-9)
    last = math.floor(span.high / step + 1e-9)
    return [number * step for number in range(first, last + 1)]


def draw_axes(root: Element, frame: Frame, x_label: str, y_label: str) -> None:
    """Draw grid, numbers and what they are of."""
    left, foot = frame.at(frame.x.low, frame.y.low)
    right, top = frame.at(frame.x.high, frame.y.high)
    for value in ticks(frame.y, 4):
        _, y = frame.at(frame.x.low, value)
        add(root, "line", x1=left, x2=right, y1=y, y2=y, class_="grid")
        write(root, left - 6, y + 4, number(value), class_="tick", text_anchor="end")
    for value in ticks(frame.x, 8):
        if value != int(value):
            continue
        x, _ = frame.at(value, frame.y.low)
        write(root, x, foot + 15, number(value), class_="tick", text_anchor="middle")
    add(root, "line", x1=left, x2=right, y1=foot, y2=foot, class_="axis")
    write(root, (left + right) / 2, foot + 30, x_label, class_="label", text_anchor="middle")
    write_upright(root, (top + foot) / 2, y_label)


def write_upright(root: Element, middle: float, text: str) -> None:
    """Write from below upwards at the left edge."""
    turn = f"rotate(-90 12 {middle:.1f})"
    write(root, 12, middle, text, class_="label upright", text_anchor="middle", transform=turn)


def number(value: float) -> str:
    """Write a number in few letters: ``1200000`` as ``1.2M``."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.3g}{letter}"
    return f"{value:.3g}"
