from __future__ import annotations

from dataclasses import dataclass

import pytest

from frl.errors import InputError
from frl.registry import Registry


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
