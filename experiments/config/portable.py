"""Portable arithmetic: the same instructions on every x86-64 processor that has AVX2.

torch, oneDNN and MKL choose their code by the processor, and their sums differ in the last bit.
What they may choose is read from the environment when they load, so it must be set before.
"""

from __future__ import annotations

import os
import platform
import sys
from typing import TYPE_CHECKING

from frl.errors import InputError

if TYPE_CHECKING:
    from experiments.config.configuration import Config

PINNED = {
    "ATEN_CPU_CAPABILITY": "avx2",
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "MKL_CBWR": "COMPATIBLE",
}
"""Variables of torch, oneDNN and MKL, and what they are set to."""
_KEY, _MACHINES, _CAPABILITY = "engine.portable", ("x86_64", "AMD64"), "AVX2"


def pin_arithmetic() -> None:
    """Let torch, which is not loaded yet, use what every x86-64 processor with AVX2 has.

    Where it is loaded with these settings already, nothing happens.

    Raises
    ------
    InputError
        If it is loaded with others, or the processor is of another kind.
    """
    if platform.machine() not in _MACHINES:
        raise InputError(f"{_KEY}: takes an x86-64 processor; this one is {platform.machine()}")
    if "torch" not in sys.modules:
        os.environ.update(PINNED)
        return
    other = [f"{name}={value}" for name, value in PINNED.items() if os.environ.get(name) != value]
    if other or _capability() != _CAPABILITY:
        wanted = " ".join(f"{name}={value}" for name, value in PINNED.items())
        raise InputError(f"{_KEY}: torch is loaded with other settings; start with {wanted}")


def pin_where_asked(config: Config) -> None:
    """Pin the arithmetic of a run whose configuration asks for it, see :func:`pin_arithmetic`."""
    if config.engine.portable:
        pin_arithmetic()


def _capability() -> str:
    import torch

    return torch.backends.cpu.get_cpu_capability()
