"""The identity of a run: what must stay the same as long as it is one run.

It is written when the run begins, and compared with the configuration whenever that is read.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from experiments.config.configuration import defaults
from experiments.records.json_text import json_text, parsed_file, plain
from experiments.records.seals import CHECK, broken, sealed
from frl.errors import InputError

IDENTITY = "identity.json"
_CONFIG, _DATA = "config", "data"
_PASSING = {
    "rounds",
    "checkpoint_every",
    "engine.name",
    "engine.workers",
    "engine.num_gpus",
    "engine.address",
    "engine.cohort",
    "engine.timeout",
    "engine.nodes",
    "engine.max_failures",
}
"""Keys that may change while a run is carried on: how far, and where clients run."""
PLACES = ("data.name", "data.path")
"""Keys that say where the data lie, which may change where their fingerprint is known."""


def lasting(flat: Mapping[str, Any]) -> dict[str, Any]:
    """Return the keys of a flat configuration that make a run the run that it is."""
    return {key: value for key, value in flat.items() if key not in _PASSING}


def differences(was: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Say which lasting keys differ, and what each was; keys newer than a record are defaults."""
    known = defaults()
    was, now = ({**lasting(known), **lasting(flat)} for flat in (was, now))
    return [
        f"{key} was {was.get(key)!r} and is {now.get(key)!r}"
        for key in dict.fromkeys([*was, *now])
        if was.get(key) != now.get(key)
    ]


class Identity:
    """The identity on record.

    Parameters
    ----------
    config : mapping
        Flat configuration; its lasting keys count.
    data : str
        Fingerprint of the data; empty where it is not known.
    about : mapping
        Further facts of the data and the run, kept but not compared.
    """

    def __init__(
        self, config: Mapping[str, Any], data: str, about: Mapping[str, Any] | None = None
    ) -> None:
        self.config = lasting(config)
        self.data = data
        self.about = dict(about or {})

    @property
    def seal(self) -> str:
        """The seal of what is compared."""
        return str(self._written()[CHECK])

    def text(self) -> str:
        """Return it as it is written down."""
        return json_text(self._written(), indent=2) + "\n"

    @property
    def place(self) -> dict[str, Any]:
        """Where the data were, by key, if they can be known again elsewhere."""
        return {key: self.config[key] for key in PLACES if key in self.config and self.data}

    def refuse_other(self, flat: Mapping[str, Any], path: Path) -> None:
        """Raise ``InputError`` where a configuration file is of another run."""
        places = {k: place for k, place in self.place.items() if isinstance(flat.get(k), str)}
        if changed := differences(self.config, {**flat, **places}):
            more = f" ({len(changed) - 1} more)" if len(changed) > 1 else ""
            raise InputError(f"{path} was changed since the run began: {changed[0]}{more}")

    def refuse_other_data(self, fingerprint: str, where: Path) -> None:
        """Raise ``InputError`` where data are not those that the run began with."""
        if self.data and fingerprint and self.data != fingerprint:
            raise InputError(
                f"{where}: the data are not those of the run: their fingerprint was "
                f"{self.data[:16]} and is {fingerprint[:16]}"
            )

    def _written(self) -> dict[str, Any]:
        return sealed(plain({_CONFIG: self.config, _DATA: self.data, "about": self.about}))


def read_identity(folder: Path) -> Identity | None:
    """Read the identity of a run; ``None`` where there is none.

    Raises
    ------
    InputError
        If it is damaged.
    """
    path = folder / IDENTITY
    try:
        found = parsed_file(path)
    except FileNotFoundError:
        return None
    if not isinstance(found, dict) or CHECK not in found or broken(found):
        raise InputError(f"{path} was changed: it is not as the run wrote it")
    return Identity(found[_CONFIG], found[_DATA], found["about"])
