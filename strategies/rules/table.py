"""The table of all registered rules, as rows and as Markdown."""

from __future__ import annotations

from typing import Annotated, Any, NamedTuple, get_args, get_origin

from frl.registry import Parameter, Registry
from frl.registry.ranges import interval


class Row(NamedTuple):
    """One rule or pre-aggregation, every field as text."""

    name: str
    space: str
    formula: str
    breakdown: str
    influence: str
    cost: str
    parameters: str
    paper: str


def rows(registry: Registry[Any]) -> list[Row]:
    """Describe every rule or pre-aggregation of a registry, sorted by space and name."""
    described = []
    for name in registry.list():
        texts = {column: str(registry.attribute(name, column, "")) for column in Row._fields}
        texts["name"] = name
        texts["parameters"] = ", ".join(_shown(p) for p in registry.parameters(name))
        described.append(Row(**texts))
    return sorted(described, key=lambda row: (row.space, row.name))


def markdown(registry: Registry[Any]) -> str:
    """Render :func:`rows` as a Markdown table, without the columns that are empty throughout."""
    table = rows(registry)
    shown = [place for place in range(len(Row._fields)) if any(row[place] for row in table)]
    lines = [[Row._fields[place] for place in shown], ["---"] * len(shown)]
    lines += [[_escaped(row[place]) for place in shown] for row in table]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def _escaped(text: str) -> str:
    return text.replace("|", "\\|")


def _shown(parameter: Parameter) -> str:
    kind = f"{_type_name(parameter.annotation)} {interval(parameter.annotation)}".rstrip()
    return f"{parameter.name}: {kind}" + ("" if parameter.required else f" = {parameter.default!r}")


def _type_name(annotation: Any) -> str:
    if isinstance(annotation, type) and get_origin(annotation) is None:
        return annotation.__name__
    if get_origin(annotation) is Annotated:
        return _type_name(get_args(annotation)[0])
    choices = [choice for choice in get_args(annotation) if choice is not type(None)]
    names = [repr(c) if isinstance(c, str) else _type_name(c) for c in choices]
    return " or ".join(names)
