"""Poisoning attacks, one file each; a new file here is a new attack.

>>> import attacks
>>> attacks.make("alie", z=1.5)
ALIE(source='colluders', z=1.5)
"""

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
    "Attack",
    "Backdoor",
    "CraftView",
    "Crafted",
    "Knowledge",
    "PoisonView",
    "Setting",
    "TamperView",
    "Update",
    "get",
    "list",
    "make",
    "name_of",
    "parameters",
    "register",
    "registry",
]
