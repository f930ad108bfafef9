"""Every range that a rule, a pre-aggregation or an attack declares is checked, and listed."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Iterator
from typing import Annotated, Any

import pytest
from annotated_types import Ge, Gt, Le, Lt

import attacks
from attacks.base import Attack
from experiments.commands.catalogue import catalogue
from frl.errors import InputError
from frl.registry.ranges import Share, interval, ranged_fields, takes
from strategies import pre_aggregation, rules

REGISTRIES: dict[str, Any] = {
    "rules": rules.registry,
    "pre_aggregations": pre_aggregation.registry,
    "attacks": attacks.registry,
}
RANGED = [
    (kind, name, field)
    for kind, registry in REGISTRIES.items()
    for name in registry.list()
    for field in ranged_fields(registry.get(name))
]


def bounds(annotation: Any) -> tuple[type, list[Any]]:
    """The number's type and its constraints, found without the code under test."""
    for choice in getattr(annotation, "__args__", ()):
        if hasattr(choice, "__metadata__"):
            annotation = choice
    return annotation.__origin__, list(annotation.__metadata__)


def at_the_edges(kind: type, limits: list[Any]) -> Iterator[tuple[Any, bool]]:
    """Values next to each bound, and whether they lie inside."""
    for limit in limits:
        edge = next(iter(dataclasses.asdict(limit).values()))
        low = isinstance(limit, Ge | Gt)
        closed = isinstance(limit, Ge | Le)
        if kind is int:
            outwards, inwards = edge + (-1 if low else 1), edge + (1 if low else -1)
        else:
            way = -math.inf if low else math.inf
            outwards, inwards = math.nextafter(edge, way), math.nextafter(edge, -way)
        yield edge, closed
        yield inwards, True
        yield outwards, False


def required(kind: str, name: str) -> dict[str, Any]:
    return {p.name: 1 for p in REGISTRIES[kind].parameters(name) if p.required}


@pytest.mark.parametrize(("kind", "name", "field"), RANGED)
def test_a_value_just_outside_is_refused_by_name(kind: str, name: str, field: str) -> None:
    registry = REGISTRIES[kind]
    annotation = {p.name: p.annotation for p in registry.parameters(name)}[field]
    number, limits = bounds(annotation)
    wrong: list[Any] = [True, "much"]
    wrong += [value for value, inside in at_the_edges(number, limits) if not inside]
    wrong += [0.5] if number is int else [math.nan, math.inf, -math.inf]

    for value in wrong:
        message = re.escape(
            f"parameter {field!r} of {registry.kind} {name!r}: got {value!r}; "
            f"takes {takes(annotation)}"
        )
        given = {**required(kind, name), field: value}
        with pytest.raises(InputError, match=f"^{message}$"):
            registry.make(name, **given)
        with pytest.raises(InputError, match=f"^{message}$"):
            registry.get(name)(**given)


@pytest.mark.parametrize(("kind", "name", "field"), RANGED)
def test_a_value_just_inside_is_taken(kind: str, name: str, field: str) -> None:
    registry = REGISTRIES[kind]
    number, limits = bounds(ranged_fields(registry.get(name))[field])

    inside = [value for value, inside in at_the_edges(number, limits) if inside]

    assert inside
    for value in inside:
        given = {**required(kind, name), field: value}
        assert registry.check(name, given)[field] == value


@pytest.mark.parametrize("kind", REGISTRIES)
def test_the_list_shows_the_ranges(kind: str) -> None:
    registry = REGISTRIES[kind]
    cells = {row["name"]: row["parameters"] for row in catalogue(kind)}
    ranged = [(name, field) for of, name, field in RANGED if of == kind]

    for name, field in ranged:
        shown = interval(ranged_fields(registry.get(name))[field])
        (part,) = re.findall(rf"(?:^|, )({field}[:=].*?)(?=, \w+[:=]|$)", cells[name])
        assert shown in part, (name, field)


@pytest.mark.parametrize(
    ("annotation", "text", "shown"),
    [
        (Annotated[int, Ge(2)], "an integer >= 2", ">= 2"),
        (Annotated[int, Ge(0), Le(255)] | None, "an integer in [0, 255]", "in [0, 255]"),
        (Annotated[float, Gt(0), Lt(math.inf)], "a number > 0", "> 0"),
        (Annotated[float, Gt(0), Le(1)], "a number in (0, 1]", "in (0, 1]"),
        (Annotated[float, Ge(0), Lt(1)], "a number in [0, 1)", "in [0, 1)"),
        (Annotated[float, Gt(-math.inf), Lt(math.inf)], "a finite number", ""),
        (Annotated[float, Le(3)], "a number <= 3", "<= 3"),
        (float | None, "", ""),
    ],
)
def test_ranges_in_words(annotation: Any, text: str, shown: str) -> None:
    assert takes(annotation) == text
    assert interval(annotation) == shown


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (lambda: rules.get("krum")(f=-1), "'f' of rule 'krum': got -1; takes an integer >= 0"),
        (
            lambda: pre_aggregation.get("bucketing")(size=0),
            "'size' of pre-aggregation 'bucketing': got 0; takes an integer >= 1",
        ),
        (
            lambda: attacks.get("rop")(angle=181.0),
            "'angle' of attack 'rop': got 181.0; takes a number in [0, 180]",
        ),
        (
            lambda: dataclasses.replace(rules.make("topk"), share=0.0),
            "'share' of rule 'topk': got 0.0; takes a number in (0, 1]",
        ),
        (lambda: rules.make("krum", f=True), "'f' of rule 'krum': got True; takes an integer >= 0"),
        (
            lambda: attacks.make("fang", low=5.0),
            "'low, high' of attack 'fang': got (5.0, 4.0); takes low <= high",
        ),
        (
            lambda: attacks.make("ipm", source="nobody"),
            "'source' of attack 'ipm': got 'nobody'; takes 'colluders' or 'benign'",
        ),
    ],
)
def test_the_error_in_full(made: Any, message: str) -> None:
    with pytest.raises(InputError, match=f"^parameter {re.escape(message)}$"):
        made()


@dataclasses.dataclass(frozen=True)
class Own(Attack):
    part: Share = 0.5


def test_a_part_of_a_user_is_checked_without_a_registry() -> None:
    assert Own(1).part == 1

    with pytest.raises(InputError, match=r"'part' of attack 'Own': got 2; takes a number in"):
        Own(2)


def test_a_value_is_kept_as_it_was_given() -> None:
    assert type(rules.get("topk")(share=1).share) is int
