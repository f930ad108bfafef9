"""Poisoning attacks, one file each; a new file here is a new attack.

>>> import attacks
>>> attacks.list()[:0]
()
"""

from attacks.base import Attack, Crafted, CraftView, Knowledge, Setting, TamperView, Update
from frl.registry import Registry

registry: Registry[Attack] = Registry("attack", __name__)
register = registry.register
list = registry.list
get = registry.get
parameters = registry.parameters
make = registry.make

__all__ = [
    "Attack",
    "CraftView",
    "Crafted",
    "Knowledge",
    "Setting",
    "TamperView",
    "Update",
    "get",
    "list",
    "make",
    "parameters",
    "register",
    "registry",
]
