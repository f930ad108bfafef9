from __future__ import annotations

import pytest

from frl.errors import InputError
from frl.registry.call_syntax import Call, parse_calls


@pytest.mark.parametrize(
    ("text", "calls"),
    [
        ("", []),
        ("nnm", [Call("nnm", {})]),
        ("nnm(f=5), clipping(norm=2.5)", [Call("nnm", {"f": 5}), Call("clipping", {"norm": 2.5})]),
        ("a(x=-1, y=true, z='two')", [Call("a", {"x": -1, "y": True, "z": "two"})]),
    ],
)
def test_names_with_parameters(text: str, calls: list[Call]) -> None:
    assert parse_calls("key", text) == calls


@pytest.mark.parametrize(
    "text", ["nnm(", "nnm(5)", "nnm(f=g)", "nnm f", "1", "a.b", "nnm(f=__import__('os'))", "a(**b)"]
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(InputError, match=r"key: got .*; takes name or name\(parameter=value"):
        parse_calls("key", text)
