"""The style of pictures: colours that colour-blind readers tell apart, on a screen and in print."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text

from frl.errors import InputError, unknown

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Okabe and Ito's palette."""
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
DASHES: tuple[Any, ...] = ("-", (0, (5, 1.5)), (0, (1, 1)), (0, (4, 1, 1, 1)))
MAP = "cividis"
"""From dark to bright for the colour-blind, and in grey."""
FORMATS = (".png", ".pdf", ".svg")
LEAST_WIDTH = 6.0
"""Inches across that a title needs."""
_MARGIN = 0.1
_SMALL, _FLAT = 8.0, 0.75
"""Size of words in narrow pictures, and the least share of the height that is kept."""
STYLE: Any = {
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.alpha": 0.3,
    "lines.linewidth": 1.6,
    "lines.markersize": 4.5,
    "legend.frameon": False,
    "svg.hashsalt": "frl",
    "pdf.fonttype": 42,
    "ps.fonttype": 42,
}


def look(number: int) -> dict[str, Any]:
    """Return colour, marker and dashes of the ``number``-th line; 84 lines differ."""
    return {
        "color": COLOURS[number % len(COLOURS)],
        "marker": MARKERS[number % len(MARKERS)],
        "linestyle": DASHES[number // len(COLOURS) % len(DASHES)],
    }


def mark_cut(axes: Axes) -> None:
    """Mark an axis of shares that does not begin at 0 by a wave across its foot."""
    if axes.get_ylim()[0] > 0:
        box = {"facecolor": "white", "edgecolor": "none", "pad": 0.2}
        axes.text(
            0, 0.035, "≈", transform=axes.transAxes, rotation=90, ha="center", va="center", bbox=box
        )


def fit(figure: Figure, width: float, labels: Mapping[str, str]) -> None:
    """Make a finished picture as wide as a column, and name things otherwise.

    Parameters
    ----------
    figure : Figure
    width : float
        In inches; 0 leaves it as it is. Words of a narrower picture are small.
    labels : mapping
        Words of the picture (of legends, axes and titles) and what to write instead.

    Raises
    ------
    InputError
        If a word to be replaced is not in the picture.
    """
    texts: dict[str, list[Any]] = {}
    found: list[Any] = figure.findobj(Text)
    for text in found:
        texts.setdefault(text.get_text(), []).append(text)
    for old, new in labels.items():
        if old not in texts:
            raise unknown("--label", old, filter(None, texts))
        for text in texts[old]:
            text.set_text(new)
    before, height = figure.get_size_inches()
    if not width:
        return
    if width < before:
        for text in found:
            text.set_fontsize(min(_SMALL, text.get_fontsize()))
    figure.set_size_inches(width, height * max(_FLAT, width / before))


def widen(figure: Figure) -> None:
    """Make a picture as wide as the legend below it, where that would be cut."""
    if not figure.legends:
        return
    figure.draw_without_rendering()
    needed = max(box.get_window_extent().width for box in figure.legends) / figure.dpi + _MARGIN
    width, height = figure.get_size_inches()
    if needed > width:
        figure.set_size_inches(needed, height)


def check_format(path: Path) -> None:
    """Raise ``InputError`` unless a file name says which picture to make."""
    if path.suffix.lower() not in FORMATS:
        raise InputError(f"-o {path}: takes a file name ending in {', '.join(FORMATS)}")


def save(figure: Figure, path: Path) -> None:
    """Write a picture in the format of its suffix.

    Raises
    ------
    InputError
        If it cannot be written there.
    """
    try:
        figure.savefig(path, dpi=150)
    except OSError as error:
        raise InputError(f"-o {path}: {error.strerror}") from None
