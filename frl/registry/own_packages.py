"""Whether the other packages of this project are found, or folders of the user's in their place.

They have generic names, so a folder ``attacks/`` beside a script is found before ours.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path

from frl.errors import InputError

PACKAGES = ("frl", "strategies", "attacks", "experiments")
_HERE = Path(__file__).resolve().parents[2]


class ShadowedError(InputError, ImportError):
    """A module of the user's stands in the way of a package of this project."""


def refuse_strangers(names: Iterable[str], path: list[str] | None = None) -> None:
    """Refuse modules that have the name of a package of ours and are found before it.

    Parameters
    ----------
    names : iterable of str
    path : list of str, optional
        Where is looked; by default where Python looks.

    Raises
    ------
    ShadowedError
        If there is one.
    """
    for name in names:
        found = _place(_spec(name, path))
        if found is not None and found != _HERE / name and (_HERE / name).is_dir():
            raise ShadowedError(
                f"{found} is in the way of the package {name!r} of federated-rank-learning; "
                "takes another name, or another place"
            )


def worker_path() -> list[str]:
    """Folders that Ray puts before all others in its workers: the script's, and the current one."""
    script = Path(sys.argv[0]).resolve().parent if sys.argv and sys.argv[0] else Path.cwd()
    return [str(Path.cwd()), str(script)]


def _spec(name: str, path: list[str] | None) -> ModuleSpec | None:
    loaded = sys.modules.get(name)
    if path is None and loaded is not None:
        return loaded.__spec__
    return PathFinder.find_spec(name, path)


def _place(spec: ModuleSpec | None) -> Path | None:
    """Where a package or module is; ``None`` for a bare folder, which shadows nothing."""
    if spec is None or spec.origin is None:
        return None
    origin = Path(spec.origin).resolve()
    return origin.parent if origin.name == "__init__.py" else origin
