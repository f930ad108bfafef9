"""How pictures look: told apart by colour-blind readers, on a screen and in print."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from frl.errors import InputError

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Okabe and Ito's palette."""
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
DASHES: tuple[Any, ...] = ("-", (0, (5, 1.5)), (0, (1, 1)), (0, (4, 1, 1, 1)))
MAP = "cividis"
"""From dark to bright for the colour-blind, and in grey."""
FORMATS = (".png", ".pdf", ".svg")
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
}


def look(number: int) -> dict[str, Any]:
    """Return colour, marker and dashes of the ``number``-th line; 84 lines differ."""
    return {
        "color": COLOURS[number % len(COLOURS)],
        "marker": MARKERS[number % len(MARKERS)],
        "linestyle": DASHES[number // len(COLOURS) % len(DASHES)],
    }


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
