"""How a data set is read: which columns and splits are what, and what is done to them."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from io import StringIO

from frl.errors import InputError, unknown

MISSING = {
    "refuse": "an input without a value is an error that names it",
    "mean": "it takes the mean of its column over the training examples",
    "drop": "its row is left out",
}
CONVERSIONS = {
    "": "grey pictures stay grey, all others become RGB",
    "L": "all become grey",
    "RGB": "all become RGB",
    "stretch": "16- and 32-bit grey: the range of the training pixels becomes 0 to 255",
}
CATEGORIES = {
    "leave_out": "columns of text and of classes are no inputs",
    "one_hot": "each of their values is an input of its own, 1 where it stands and else 0",
}
NEXT = "next_character"
TEXT = {
    "leave_out": "columns of text are no inputs, but for categories",
    "characters": "the only input is a column of text, a row of characters",
    NEXT: "the same in windows, and the label of each is the character that follows",
    "hashed_words": "the only input is a column of text, a row of words by their hash",
}
UNITS = {"characters": "characters", NEXT: "characters", "hashed_words": "words"}
"""What a row of text counts."""
LENGTHS = {"characters": 256, NEXT: 80, "hashed_words": 64}
"""Usual length of a row of text."""
STRIDE = 8
"""Characters from one label to the next, if not said."""
_LARGEST = 4096


@dataclass(frozen=True)
class Reading:
    """Options of reading; the keys of a configuration are the same with ``data.`` before them.

    Attributes
    ----------
    label : str
        Column of the label; empty: the one with a usual name, or the only one of classes.
    inputs : str
        Columns that are inputs, with commas between them; empty: a picture, or else all numbers.
    group : str
        Column that says who owns an example (``data.column``), which is then no input.
    test : str
        Split, or share of the training examples, to test on; empty: ``test``, or ``validation``.
    validation : str
        Split, or share of the training examples, to evaluate on in place of the test examples.
    resize : str
        ``"HEIGHTxWIDTH"`` of all pictures; one number for both; empty: as they are.
    convert : str
        One of :data:`CONVERSIONS`.
    missing : str
        One of :data:`MISSING`.
    categories : str
        One of :data:`CATEGORIES`.
    text : str
        One of :data:`TEXT`.
    length : int
        Characters or words of a row of text; 0: :data:`LENGTHS`.
    stride : int
        Characters from one label of ``next_character`` to the next.

    Raises
    ------
    InputError
        If one of them means nothing.
    """

    label: str = ""
    inputs: str = ""
    group: str = ""
    test: str = ""
    validation: str = ""
    resize: str = ""
    convert: str = ""
    missing: str = "refuse"
    categories: str = "leave_out"
    text: str = "leave_out"
    length: int = 0
    stride: int = STRIDE

    def __post_init__(self) -> None:
        if self.missing not in MISSING:
            raise unknown("data.missing", self.missing, MISSING)
        if self.categories not in CATEGORIES:
            raise unknown("data.categories", self.categories, CATEGORIES)
        self._check_text()
        if self.convert not in CONVERSIONS:
            raise unknown("data.convert", self.convert, CONVERSIONS)
        for key in ("test", "validation"):
            share_of(key, getattr(self, key))
        names = self.input_names
        if len(set(names)) < len(names) or "" in names:
            raise InputError(f"data.inputs: got {self.inputs!r}; takes different columns")
        if self.label and self.label in names:
            raise InputError(f"data.inputs: column {self.label!r} is the label")
        _ = self.size

    def _check_text(self) -> None:
        if self.text not in TEXT:
            raise unknown("data.text", self.text, TEXT)
        if not 0 <= self.length <= _LARGEST:
            raise InputError(f"data.length: got {self.length}; takes 0 to {_LARGEST}")
        if self.stride < 1:
            raise InputError(f"data.stride: got {self.stride}; takes 1 or more")
        if self.length and self.text == "leave_out":
            raise InputError(f"data.length: got {self.length}; is for data.text")
        if self.text != NEXT and self.stride != STRIDE:
            raise InputError(f"data.stride: got {self.stride}; is for data.text = {NEXT!r}")
        if self.text == NEXT and self.label:
            raise InputError(f"data.label: got {self.label!r}; data.text = {NEXT!r} makes labels")
        if self.text != "leave_out" and self.categories != "leave_out":
            raise InputError(f"data.categories: got {self.categories!r} beside data.text")

    @property
    def row_length(self) -> int:
        """Characters or words of a row of text."""
        return self.length or LENGTHS[self.text]

    @property
    def input_names(self) -> tuple[str, ...]:
        """The columns of ``inputs``; a name with a comma stands in double quotes."""
        rows = list(csv.reader([self.inputs], skipinitialspace=True)) if self.inputs else []
        return tuple(name.strip() for row in rows for name in row)

    @property
    def size(self) -> tuple[int, int] | None:
        """Height and width of ``resize``."""
        if not self.resize:
            return None
        parts = self.resize.split("x")
        sides = [int(part) for part in parts if part.isascii() and part.isdecimal()]
        if len(sides) != len(parts) or len(sides) > 2 or not all(0 < s <= _LARGEST for s in sides):
            raise InputError(
                f"data.resize: got {self.resize!r}; takes HEIGHTxWIDTH, such as 28x28, of at most "
                f"{_LARGEST}"
            )
        return sides[0], sides[-1]

    def record(self) -> dict[str, str]:
        """Return what differs from the defaults."""
        kept = vars(Reading)
        return {key: str(value) for key, value in vars(self).items() if value != kept[key]}


def share_of(key: str, text: str) -> float | None:
    """Return the share that a ``data.test`` or ``data.validation`` is, ``None`` for a split."""
    try:
        share = float(text)
    except ValueError:
        return None
    if not 0 < share < 1:
        raise InputError(f"data.{key}: got {text}; takes the name of a split, or a share in (0, 1)")
    return share


def joined(columns: Iterable[object]) -> str:
    """Write names of columns as ``inputs`` takes them."""
    text = StringIO()
    csv.writer(text, lineterminator="").writerow(columns)
    return text.getvalue()
