"""Robust aggregation rules, one file each; a new file here is a new rule.

>>> from strategies import rules
>>> rules.list()[:0]
()
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from frl.registry import Registry
from frl.registry.lazy import lazy_names

if TYPE_CHECKING:
    from strategies.rules.base import Aggregate, Rule, RuleContext, RuleState
else:
    __getattr__ = lazy_names(
        __name__,
        {
            "Aggregate": "strategies.rules.base",
            "Rule": "strategies.rules.base",
            "RuleContext": "strategies.rules.base",
            "RuleState": "strategies.rules.base",
        },
    )

registry: Registry[Rule] = Registry("rule", __name__)
register = registry.register
list = registry.list
get = registry.get
parameters = registry.parameters
make = registry.make

__all__ = [
    "Aggregate",
    "Rule",
    "RuleContext",
    "RuleState",
    "get",
    "list",
    "make",
    "parameters",
    "register",
    "registry",
]
