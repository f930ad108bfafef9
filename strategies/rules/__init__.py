"""Robust aggregation rules, one file each; a new file here is a new rule.

>>> from strategies import rules
>>> rules.list()[:0]
()
"""

from frl.registry import Registry
from strategies.rules.base import Aggregate, Rule, RuleContext, RuleState

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
