"""A configuration file: TOML tables that may build on another file and may hold profiles.

::

    base = "mnist.toml"        # beside this file; counts where nothing else is said here
    rounds = 2000

    [profile.quick]            # counts above all of that where the profile is asked for
    rounds = 3
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from itertools import takewhile
from pathlib import Path
from typing import Any, NamedTuple

from frl.errors import InputError, unknown

BASE, PROFILES = "base", "profile"
PACKAGED = Path(__file__).parents[1] / "configs"


class Layers(NamedTuple):
    """Dotted keys of a file and of all it builds on.

    Attributes
    ----------
    keys : dict of key to value
    profiles : dict of profile name to its keys
    """

    keys: dict[str, Any]
    profiles: dict[str, dict[str, Any]]


def read_file(path: Path, profile: str = "") -> dict[str, Any]:
    """Read the dotted keys of a file, its base and a profile.

    Parameters
    ----------
    path : Path
    profile : str
        Name of a profile of the file or of what it builds on; empty for none.

    Raises
    ------
    InputError
        If a file cannot be read or builds on itself, or there is no such profile.
    """
    layers = _layers(found(path), ())
    if not profile:
        return layers.keys
    if not layers.profiles:
        raise InputError(f"--profile: {path} has no profiles")
    if profile not in layers.profiles:
        raise unknown(f"profile of {path}", profile, layers.profiles)
    return layers.keys | layers.profiles[profile]


def packaged() -> dict[str, str]:
    """Return the files that come with the project by name, with what each says of itself."""
    about = {}
    for file in sorted(PACKAGED.glob("*.toml")):
        lines = takewhile(lambda line: line[:1] == "#", file.read_text("utf-8").splitlines())
        about[file.stem] = " ".join(line.lstrip("# ") for line in lines)
    return about


def found(path: Path) -> Path:
    """Return a file, or the packaged one that a bare name such as ``mnist_lenet`` means."""
    ours = PACKAGED / f"{path.name.removesuffix('.toml')}.toml"
    return ours if path.name == str(path) and not path.is_file() and ours.is_file() else path


def _layers(path: Path, above: tuple[Path, ...]) -> Layers:
    if path.resolve() in above:
        raise InputError(f"{path}: {BASE}: the file builds on itself")
    tables = read_tables(path)
    base, profiles = tables.pop(BASE, None), tables.pop(PROFILES, {})
    if not isinstance(profiles, dict) or not all(isinstance(p, dict) for p in profiles.values()):
        raise InputError(f"{path}: {PROFILES}: takes tables of keys, [{PROFILES}.NAME]")
    under = Layers({}, {})
    if base is not None:
        if not isinstance(base, str):
            raise InputError(f"{path}: {BASE}: got {base!r}; takes the name of a file")
        under = _layers(path.parent / base, (*above, path.resolve()))
    own = {name: dotted(keys) for name, keys in profiles.items()}
    names = [*under.profiles, *(name for name in own if name not in under.profiles)]
    return Layers(
        under.keys | dotted(tables),
        {name: under.profiles.get(name, {}) | own.get(name, {}) for name in names},
    )


def read_tables(path: Path, kind: str = "configuration") -> dict[str, Any]:
    """Read the tables of one file, which errors call a file of this kind.

    Raises
    ------
    InputError
        If it cannot be read.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise InputError(f"no {kind} file {str(path)!r}") from None
    except RecursionError:
        raise InputError(f"{path}: nested too deeply") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError(f"{path}: {error}") from None


def dotted(tables: Mapping[str, Any]) -> dict[str, Any]:
    """Flatten the tables of a configuration, which are one deep."""
    flat: dict[str, Any] = {}
    for key, value in tables.items():
        if isinstance(value, dict) and value:
            flat.update({f"{key}.{inner}": scalar for inner, scalar in value.items()})
        else:
            flat[key] = value
    return flat
