"""The shape of a data set as a model sees it: one example, and the number of classes."""

from __future__ import annotations

from math import prod
from typing import NamedTuple

from frl.errors import InputError


class DataShape(NamedTuple):
    """Shape of one example and number of classes.

    Attributes
    ----------
    example : tuple[int, ...]
        ``(channels, height, width)`` of an image, ``(features,)`` of a table row.
    classes : int
    codes : int, optional
        What codes of text are below; 0 where a row has numbers, ``None`` where it is not known.
    """

    example: tuple[int, ...]
    classes: int
    codes: int | None = None

    def image(self, model: str, *, least: int = 1) -> tuple[int, int, int]:
        """Return ``(channels, height, width)``.

        Raises
        ------
        InputError
            If examples are no images, or smaller than ``least`` pixels a side.
        """
        if len(self.example) != 3 or min(self.example[1:]) < least:
            raise InputError(
                f"model {model!r} takes images (channels, height, width) of at least "
                f"{least}x{least} pixels; the data have shape {self.example}"
            )
        channels, height, width = self.example
        return channels, height, width

    def row(self, model: str, *, below: int | None = None) -> int:
        """Return the values of a row of integers.

        Parameters
        ----------
        model : str
        below : int, optional
            What the model needs them to be below.

        Raises
        ------
        InputError
            If examples are no rows, or known to be of numbers or of larger integers.
        """
        if len(self.example) != 1:
            raise InputError(
                f"model {model!r} takes rows of integers (length,); the data have shape "
                f"{self.example}"
            )
        if self.codes == 0:
            raise InputError(
                f"model {model!r} takes codes of text; the data have numbers (data.text makes "
                "codes of a column of text)"
            )
        if below is not None and (self.codes or 0) > below:
            raise InputError(
                f"model {model!r} takes characters and the next one; the data have {self.codes} "
                f'codes and {below} classes (data.text = "next_character" labels what it reads)'
            )
        return self.example[0]

    def numbers(self, model: str) -> int:
        """Return the values of an example.

        Raises
        ------
        InputError
            If they are known to be codes of text.
        """
        if self.codes:
            raise InputError(
                f"model {model!r} takes numbers; the data have codes of text (frl list models)"
            )
        return prod(self.example)
