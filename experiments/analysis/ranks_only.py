"""What is only there for runs by ranks."""

from __future__ import annotations

from experiments.config import Config
from frl import methods
from frl.errors import InputError


def require_ranks(config: Config, owner: str) -> None:
    """Refuse a run whose method sends no rankings.

    Parameters
    ----------
    config : Config
    owner : str
        Option or run directory that the error names.

    Raises
    ------
    InputError
        If it is one.
    """
    if config.strategy.method.space != "ranks":
        names = " or ".join(repr(name) for name in methods.on("ranks"))
        raise InputError(
            f"{owner}: takes a run of strategy.name {names}; this one is of "
            f"{config.strategy.name!r}, which trains weights"
        )
