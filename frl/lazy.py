"""Package attributes that are imported when they are first asked for."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any


def lazy_attributes(package: str, where: Mapping[str, Sequence[str]]) -> Callable[[str], Any]:
    """Make a module's ``__getattr__`` (PEP 562), so that importing a package stays cheap.

    Parameters
    ----------
    package : str
        The package's ``__name__``, for the error.
    where : mapping of module to names
        The attributes, by the module that defines them.

    Returns
    -------
    callable
        To be assigned to ``__getattr__`` where ``TYPE_CHECKING`` is false.
    """
    places = {name: module for module, names in where.items() for name in names}

    def attribute(name: str) -> Any:
        if name not in places:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(importlib.import_module(places[name]), name)

    return attribute
