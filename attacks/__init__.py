"""Poisoning attacks, one file each; a new file here is a new attack.

>>> import attacks
>>> attacks.make("alie", z=1.5)
ALIE(source='colluders', z=1.5)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attacks.base import (
    Attack,
    Backdoor,
    Crafted,
    CraftView,
    Knowledge,
    PoisonView,
    Setting,
    TamperView,
    Update,
)
from frl.registry import Registry
from frl.registry.lazy import lazy_names

if TYPE_CHECKING:
    from attacks.adversary.grid import AdversarialGrid
    from attacks.adversary.hiding import hide
    from attacks.adversary.mod import adversary_mod
    from attacks.adversary.obeying import obeying
else:
    __getattr__ = lazy_names(
        __name__,
        {
            "AdversarialGrid": "attacks.adversary.grid",
            "adversary_mod": "attacks.adversary.mod",
            "hide": "attacks.adversary.hiding",
            "obeying": "attacks.adversary.obeying",
        },
    )

registry: Registry[Attack] = Registry("attack", __name__)
register = registry.register
list = registry.list
get = registry.get
parameters = registry.parameters
make = registry.make


def name_of(attack: Attack) -> str:
    """Return the name an attack is registered under.

    Raises
    ------
    ValueError
        If its class is not registered.
    """
    name = registry.name_of(type(attack))
    if name is None:
        raise ValueError(f"{type(attack).__name__} is not a registered attack")
    return name


__all__ = [
    "AdversarialGrid",
    "Attack",
    "Backdoor",
    "CraftView",
    "Crafted",
    "Knowledge",
    "PoisonView",
    "Setting",
    "TamperView",
    "Update",
    "adversary_mod",
    "get",
    "hide",
    "list",
    "make",
    "name_of",
    "obeying",
    "parameters",
    "register",
    "registry",
]
