"""Names with parameters in one string: ``nnm(f=5), clipping(norm=2)``."""

from __future__ import annotations

import ast
from typing import Any, NamedTuple

from frl.errors import InputError


class Call(NamedTuple):
    """A name and its parameters."""

    name: str
    params: dict[str, Any]


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
    problem = InputError(f"{key}: got {text!r}; takes name or name(parameter=value, ...)")
    if not text.strip():
        return []
    try:
        tree = ast.parse(f"[{text}]", mode="eval").body
    except SyntaxError:
        raise problem from None
    calls = []
    for element in tree.elts if isinstance(tree, ast.List) else []:
        if isinstance(element, ast.Name):
            calls.append(Call(element.id, {}))
        elif isinstance(element, ast.Call) and isinstance(element.func, ast.Name):
            if element.args or any(keyword.arg is None for keyword in element.keywords):
                raise problem
            params = {str(k.arg): _literal(k.value, problem) for k in element.keywords}
            calls.append(Call(element.func.id, params))
        else:
            raise problem
    return calls


def _literal(node: ast.expr, problem: InputError) -> Any:
    if isinstance(node, ast.Name) and node.id in ("true", "false"):
        return node.id == "true"
    try:
        return ast.literal_eval(node)
    except ValueError:
        raise problem from None
