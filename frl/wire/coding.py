"""The contract of a coding."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from frl.errors import InputError
from frl.ranking import Positions


class Coding(ABC):
    """How one layer's array becomes bytes; a frozen dataclass of what both sides agreed on.

    Attributes
    ----------
    code : int
        Number of the coding on the wire, 1 to 255, never reused.
    takes : type
        NumPy type of the values it encodes.
    gives : str
        What it decodes to, for people.
    needs_base : bool
        Whether both sides must hold a base ranking.
    """

    code: ClassVar[int]
    takes: ClassVar[type[np.generic]]
    gives: ClassVar[str]
    needs_base: ClassVar[bool] = False

    @property
    def parameter(self) -> int:
        """Parameters as a number below 2**32; a message made with others is refused."""
        return 0

    @abstractmethod
    def limit(self, n: int) -> int:
        """Largest payload, in bytes, that a layer of ``n`` edges can have."""

    @abstractmethod
    def encode_layer(self, values: NDArray[Any], base: Positions | None, rows: int | None) -> bytes:
        """Encode one layer.

        Parameters
        ----------
        values : array of shape (n,)
        base : int32 array of shape (n,) or None
            The layer's positions in the base ranking, where ``needs_base``.
        rows : int or None
            Rows of the layer's weight matrix, where known; it only makes messages smaller.
        """

    @abstractmethod
    def decode_layer(self, payload: memoryview, n: int, base: Positions | None) -> NDArray[Any]:
        """Decode one layer.

        Raises
        ------
        WireError
            If the payload is not what :meth:`encode_layer` makes of a layer of ``n`` edges.
        """


def require_base(coding: str, base: Positions | None) -> Positions:
    """Return the base positions of a layer.

    Raises
    ------
    InputError
        If there are none: the caller forgot them.
    """
    if base is None:
        raise InputError(f"coding {coding!r} needs a base ranking that both sides hold")
    return base
