"""Ranges of parameters, declared as constraints on the fields of a part.

``f: Count`` says once what ``f`` takes: the registry checks it, and lists and errors show it. What
no name here says is written out, ``Annotated[int, Ge(2)]``. Every range of a float leaves out
infinities and NaN.
"""

from __future__ import annotations

import dataclasses
import math
from functools import cache
from typing import Annotated, Any, TypeAlias, get_args, get_origin, get_type_hints

from annotated_types import Ge, Gt, Le, Lt

Count: TypeAlias = Annotated[int, Ge(0)]
PositiveCount: TypeAlias = Annotated[int, Ge(1)]
Finite: TypeAlias = Annotated[float, Gt(-math.inf), Lt(math.inf)]
NonNegative: TypeAlias = Annotated[float, Ge(0), Lt(math.inf)]
Positive: TypeAlias = Annotated[float, Gt(0), Lt(math.inf)]
Share: TypeAlias = Annotated[float, Ge(0), Le(1)]
PositiveShare: TypeAlias = Annotated[float, Gt(0), Le(1)]
Decay: TypeAlias = Annotated[float, Ge(0), Lt(1)]
Between: TypeAlias = Annotated[float, Gt(0), Lt(1)]

BOUNDS: dict[str, type[Ge | Gt | Le | Lt]] = {"Ge": Ge, "Gt": Gt, "Le": Le, "Lt": Lt}


@cache
def ranged_fields(part: type[Any]) -> dict[str, Any]:
    """Annotations of the fields of a dataclass that declare a range."""
    if not dataclasses.is_dataclass(part):
        return {}
    hints = get_type_hints(part, include_extras=True)
    fields = {field.name: hints[field.name] for field in dataclasses.fields(part) if field.init}
    return {name: annotation for name, annotation in fields.items() if _constrained(annotation)}


def interval(annotation: Any) -> str:
    """Write a range out, e.g. ``">= 0"`` or ``"in (0, 1]"``; empty where there is none."""
    bounds = get_args(_constrained(annotation))[1:]
    low = [b for b in bounds if isinstance(b, Ge | Gt) and _edge(b) != -math.inf]
    high = [b for b in bounds if isinstance(b, Le | Lt) and _edge(b) != math.inf]
    if low and high:
        opened = "[" if isinstance(low[0], Ge) else "("
        closed = "]" if isinstance(high[0], Le) else ")"
        return f"in {opened}{_edge(low[0])}, {_edge(high[0])}{closed}"
    signs = {Ge: ">=", Gt: ">", Le: "<=", Lt: "<"}
    return " ".join(f"{signs[type(bound)]} {_edge(bound)}" for bound in low + high)


def takes(annotation: Any) -> str:
    """Say what a parameter with a range takes, e.g. ``"an integer >= 0"``; empty without one."""
    found = _constrained(annotation)
    if found is None:
        return ""
    kind, shown = get_args(found)[0], interval(found)
    if kind is int:
        return f"an integer {shown}"
    return f"a number {shown}" if shown else "a finite number"


def _constrained(annotation: Any) -> Any:
    """Find ``Annotated[int, ...]`` or ``Annotated[float, ...]``, perhaps in a union with None."""
    choices = get_args(annotation) if get_origin(annotation) is not Annotated else [annotation]
    for choice in choices:
        if get_origin(choice) is Annotated:
            kind, *bounds = get_args(choice)
            if kind in (int, float) and any(isinstance(b, Ge | Gt | Le | Lt) for b in bounds):
                return choice
    return None


def _edge(bound: Ge | Gt | Le | Lt) -> Any:
    (edge,) = dataclasses.astuple(bound)
    return edge
