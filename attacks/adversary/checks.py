"""Refusals that several attacks share."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from frl.errors import InputError


def require(holds: bool, attack: str, parameter: str, value: object, takes: str) -> None:
    """Raise ``InputError`` naming an attack's parameter unless ``holds``."""
    if not holds:
        raise InputError(
            f"parameter {parameter!r} of attack {attack!r}: got {value!r}; takes {takes}"
        )


def require_images(attack: str, images: NDArray[Any]) -> None:
    """Raise ``InputError`` unless samples are images of shape (m, channels, height, width)."""
    if images.ndim != 4:
        raise InputError(
            f"attack {attack!r} needs images of shape (m, channels, height, width), "
            f"got samples of shape {images.shape}"
        )
