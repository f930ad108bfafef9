"""Parts from outside: installed entry points, modules named as plugins, and ``pkg:Name``.

An entry point ``name = "package.module:Object"`` of the group ``frl.attacks`` (``frl.rules``,
``frl.models``, …) is an attack of that name. A plugin is a module that registers its parts when it
is imported. Whatever goes wrong with either is one line that says on which machine.
"""

from __future__ import annotations

import importlib
import os
import platform
import sys
from collections.abc import Iterable
from functools import cache
from importlib import metadata
from typing import Any

from frl.errors import InputError, unknown

DISTRIBUTION = "federated-rank-learning"


def import_plugins(names: Iterable[str]) -> None:
    """Import modules, which register their parts; one that was imported is left alone.

    Raises
    ------
    InputError
        If one cannot be imported here, raises, or is made for another version of this project.
    """
    for name in names:
        what = f"plugins: {name!r}"
        if name not in sys.modules:
            _check_version(what, _distribution_of(name))
        _import(what, name)


def resolve(kind: str, path: str) -> Any:
    """Return what a path ``package.module:Name`` leads to.

    Parameters
    ----------
    kind : str
        What it shall be, for the error: ``"model"``.
    path : str

    Raises
    ------
    InputError
        If there is no such module on this machine, it has no such name, or that is no factory.
    """
    what = f"{kind} {path!r}"
    module, _, names = path.partition(":")
    if not all(part.isidentifier() for part in (*module.split("."), *names.split("."))):
        raise InputError(f"{what}: takes package.module:Name")
    found: Any = _import(what, module)
    for name in names.split("."):
        if not hasattr(found, name):
            here = unknown(f"name in {module}", name, (n for n in dir(found) if n[0] != "_"))
            raise InputError(f"{what}: {here}")
        found = getattr(found, name)
    if not callable(found):
        raise InputError(f"{what}: is a {type(found).__name__}; takes a class or a function")
    return found


@cache
def offered(group: str) -> dict[str, list[metadata.EntryPoint]]:
    """Return the entry points of a group by name; more than one of a name is a clash."""
    found: dict[str, list[metadata.EntryPoint]] = {}
    for entry in metadata.entry_points(group=group):
        same = found.setdefault(entry.name, [])
        if all((entry.value, origin(entry)) != (other.value, origin(other)) for other in same):
            same.append(entry)
    return found


def load(kind: str, entry: metadata.EntryPoint) -> Any:
    """Import what an entry point leads to.

    Raises
    ------
    InputError
        If that is impossible here, or its distribution is made for another version.
    """
    _check_version(f"{kind} {entry.name!r} of {origin(entry)}", entry.dist)
    return resolve(f"{kind} {entry.name!r} of {origin(entry)}:", entry.value.replace(" ", ""))


def origin(entry: metadata.EntryPoint) -> str:
    """Name the distribution that brings an entry point, with its version."""
    return f"{entry.dist.name} {entry.dist.version}" if entry.dist else "an unnamed package"


def _import(what: str, module: str) -> Any:
    """Import a module; the folder one works in is looked at last, so that it shadows nothing."""
    if (here := os.getcwd()) not in sys.path:
        sys.path.append(here)
        importlib.invalidate_caches()
    try:
        return importlib.import_module(module)
    except (Exception, SystemExit) as error:
        missing = isinstance(error, ModuleNotFoundError)
        verb = f"cannot import {module!r}" if missing else f"importing {module!r} raises"
        reason = str(error) if missing else f"{type(error).__name__}: {error}"
        where = f"on {platform.node()} ({sys.executable})"
        raise InputError(f"{what}: {verb} {where}: {' '.join(reason.split())}") from error


def _distribution_of(module: str) -> metadata.Distribution | None:
    """Return the distribution that is named like a module, if one is installed."""
    try:
        return metadata.distribution(module.partition(".")[0])
    except (metadata.PackageNotFoundError, ValueError):
        return None


def _check_version(what: str, distribution: metadata.Distribution | None) -> None:
    from packaging.requirements import InvalidRequirement, Requirement

    try:
        ours = metadata.version(DISTRIBUTION)
    except metadata.PackageNotFoundError:
        return
    for text in (distribution.requires or ()) if distribution else ():
        try:
            wanted = Requirement(text)
        except InvalidRequirement:
            continue
        same = wanted.name.lower().replace("_", "-") == DISTRIBUTION
        if same and not wanted.specifier.contains(ours, prereleases=True):
            raise InputError(f"{what}: needs {DISTRIBUTION} {wanted.specifier}; this is {ours}")
