"""The shape of a data set as a model sees it: one example, and the number of classes."""

from __future__ import annotations

from typing import NamedTuple

from frl.errors import InputError


class DataShape(NamedTuple):
    """Shape of one example and number of classes.

    Attributes
    ----------
    example : tuple[int, ...]
        ``(channels, height, width)`` of an image, ``(features,)`` of a table row.
    classes : int
    """

    example: tuple[int, ...]
    classes: int

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

    def row(self, model: str) -> int:
        """Return the values of a row of integers.

        Raises
        ------
        InputError
            If examples are no rows.
        """
        if len(self.example) != 1:
            raise InputError(
                f"model {model!r} takes rows of integers (length,); the data have shape "
                f"{self.example}"
            )
        return self.example[0]
