"""Names with parameters in one string: ``nnm(f=5), clipping(norm=2)``."""

from __future__ import annotations

import ast
import json
import math
import re
from typing import Any, NamedTuple

from frl.errors import InputError

_PATH = re.compile(r"""("[^"]*"|'[^']*')|\b([A-Za-z_][\w.]*):([A-Za-z_])""")
_LONGEST = 1000
_COLON = "._colon_."
"""Stands for the colon of a path, so that Python can parse it."""


class Call(NamedTuple):
    """A name, or a path ``package.module:Name``, and its parameters."""

    name: str
    params: dict[str, Any]

    def __str__(self) -> str:
        shown = ", ".join(f"{key}={_shown(value)}" for key, value in self.params.items())
        return f"{self.name}({shown})" if shown else self.name


def parse_calls(key: str, text: str) -> list[Call]:
    """Read names with parameters, separated by commas.

    Parameters
    ----------
    key : str
        Configuration key, for the error.
    text : str
        ``name``, ``name(parameter=value, ...)``, or several with commas between; values are
        numbers, ``true``, ``false`` or quoted strings.

    Raises
    ------
    InputError
        If it reads otherwise.
    """
    shown = repr(text) if len(text) <= _LONGEST else f"{text[:_LONGEST]!r}... ({len(text)} letters)"
    problem = InputError(f"{key}: got {shown}; takes name or name(parameter=value, ...)")
    if not text.strip():
        return []
    if len(text) > _LONGEST:
        raise problem
    try:
        tree = ast.parse(f"[{_PATH.sub(_parsable, text)}]", mode="eval").body
    except (SyntaxError, RecursionError, MemoryError):
        raise problem from None
    calls = []
    for element in tree.elts if isinstance(tree, ast.List) else []:
        if isinstance(element, ast.Name | ast.Attribute):
            calls.append(Call(_name(element, problem), {}))
        elif isinstance(element, ast.Call):
            given = [keyword.arg for keyword in element.keywords]
            if element.args or None in given or len(set(given)) < len(given):
                raise problem
            params = {str(k.arg): _literal(k.value, problem) for k in element.keywords}
            calls.append(Call(_name(element.func, problem), params))
        else:
            raise problem
    return calls


def parse_call(key: str, text: str, takes: str) -> Call:
    """Read one name with parameters.

    Parameters
    ----------
    key, text : str
        See :func:`parse_calls`.
    takes : str
        What there may be one of, for the error: ``"one rule"``.

    Raises
    ------
    InputError
        If it reads otherwise, or there are none or several.
    """
    calls = parse_calls(key, text)
    if len(calls) != 1:
        raise InputError(f"{key}: got {text!r}; takes {takes}")
    return calls[0]


def _parsable(found: re.Match[str]) -> str:
    quoted, module, name = found.groups()
    return quoted or f"{module}{_COLON}{name}"


def _name(node: ast.expr, problem: InputError) -> str:
    try:
        text = ast.unparse(node).replace(_COLON, ":")
    except RecursionError:
        raise problem from None
    if not re.fullmatch(r"\w+|[\w.]+:[\w.]+", text):
        raise problem
    return text


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)


def _literal(node: ast.expr, problem: InputError) -> Any:
    if isinstance(node, ast.Name) and node.id in ("true", "false"):
        return node.id == "true"
    try:
        value = ast.literal_eval(node)
    except (ValueError, TypeError, RecursionError, MemoryError):
        raise problem from None
    if isinstance(value, bytes | complex | dict | set) or value in (math.inf, -math.inf):
        raise problem
    return value
