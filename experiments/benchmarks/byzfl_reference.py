"""ByzFL's aggregators, where that package is installed (extra ``bench``)."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from types import ModuleType


def load() -> ModuleType | None:
    """Import ``byzfl.aggregators``, or return ``None`` where byzfl is not installed.

    The package's own ``__init__`` also imports its training code, and with it torchvision and
    seaborn, so a bare package stands in for it during the import.
    """
    spec = importlib.util.find_spec("byzfl")
    if spec is None or spec.submodule_search_locations is None:
        return None
    bare = ModuleType("byzfl")
    bare.__path__ = list(spec.submodule_search_locations)
    real = sys.modules.get("byzfl")
    sys.modules["byzfl"] = bare
    try:
        importlib.import_module("byzfl.aggregators.preaggregators")
        return importlib.import_module("byzfl.aggregators")
    finally:
        if real is None:
            del sys.modules["byzfl"]
        else:
            sys.modules["byzfl"] = real
