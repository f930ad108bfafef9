"""Pre-aggregations: steps from updates to updates in front of any rule, one file each.

>>> from strategies import pre_aggregation
>>> "nnm" in pre_aggregation.list()
True
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from frl.registry import Registry
from frl.registry.lazy import lazy_names

if TYPE_CHECKING:
    from strategies.pre_aggregation.base import (
        PreAggregation,
        Prepared,
        chain,
        check_chain,
        rows_after,
    )
else:
    __getattr__ = lazy_names(
        __name__,
        {
            "PreAggregation": "strategies.pre_aggregation.base",
            "Prepared": "strategies.pre_aggregation.base",
            "chain": "strategies.pre_aggregation.base",
            "check_chain": "strategies.pre_aggregation.base",
            "rows_after": "strategies.pre_aggregation.base",
        },
    )

registry: Registry[PreAggregation] = Registry("pre-aggregation", __name__)
register = registry.register
list = registry.list
get = registry.get
parameters = registry.parameters
make = registry.make

__all__ = [
    "PreAggregation",
    "Prepared",
    "chain",
    "check_chain",
    "get",
    "list",
    "make",
    "parameters",
    "register",
    "registry",
    "rows_after",
]
