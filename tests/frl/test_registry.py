from __future__ import annotations

import importlib
import inspect
from collections import OrderedDict
from dataclasses import dataclass
from typing import get_type_hints

import pytest

from frl.errors import InputError
from frl.registry import Registry
from frl.registry.source_index import read_package

PACKAGES = (
    "attacks",
    "strategies.rules",
    "strategies.pre_aggregation",
    "frl.models",
    "frl.wire.codings",
)


@dataclass(frozen=True)
class Dial:
    level: int
    name: str = "plain"


@pytest.fixture
def registry() -> Registry[Dial]:
    made: Registry[Dial] = Registry("dial", "frl.grids")
    made.register("dial")(Dial)
    return made


def test_makes_by_name_with_checked_parameters(registry: Registry[Dial]) -> None:
    assert registry.list() == ("dial",)
    assert registry.make("dial", level=3) == Dial(3)
    assert [p.name for p in registry.parameters("dial") if p.required] == ["level"]


@pytest.mark.parametrize(
    ("name", "params", "message"),
    [
        ("dail", {}, "unknown dial 'dail'; did you mean 'dial'"),
        ("dial", {}, "dial 'dial' needs the parameter 'level'"),
        ("dial", {"levle": 1}, "unknown parameter of dial 'dial' 'levle'; did you mean 'level'"),
        ("dial", {"level": "high"}, "parameter 'level' of dial 'dial': got 'high'"),
    ],
)
def test_says_what_it_takes(
    registry: Registry[Dial], name: str, params: dict, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        registry.make(name, **params)


def test_a_name_is_taken_once(registry: Registry[Dial]) -> None:
    with pytest.raises(ValueError, match="registered twice"):
        registry.register("dial")(int)


def test_a_path_is_looked_up_once_and_then_in_use(registry: Registry[Dial]) -> None:
    path = "collections:OrderedDict"
    assert not registry.in_use(path)

    assert registry.get(path) is OrderedDict
    assert registry.in_use(path)


@pytest.mark.parametrize("package", [*PACKAGES, "experiments.report.plots"])
def test_the_source_says_what_the_import_says(package: str) -> None:
    registry = importlib.import_module(package).registry
    index = read_package(package)

    assert not index.unclear
    for name, said in index.declared.items():
        entry = registry.get(name)
        assert said.about == (inspect.getdoc(entry) or "").partition("\n")[0]
        for key, value in said.attributes.items():
            assert key.startswith("__") or getattr(entry, key) == value, (name, key)
        if said.parameters is not None:
            hints = get_type_hints(entry, include_extras=True)
            real = inspect.signature(entry).parameters.values()
            assert said.parameters == tuple((p.name, hints[p.name], p.default) for p in real)
