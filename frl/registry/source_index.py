"""Entries that a package registers, read from its source: nothing is imported.

A module that says ``@register("name")`` above a class or function declares an entry. Its docstring,
its class attributes that are literals and the parameters of a dataclass can be read as well, so
that listing what there is does not wait for torch.
"""

from __future__ import annotations

import ast
import importlib.util
import inspect
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, get_origin

from frl.registry import ranges

_UNKNOWN = object()
_SCALARS: dict[str, Any] = {"int": int, "float": float, "str": str, "bool": bool}
_RANGES = {name: a for name, a in vars(ranges).items() if get_origin(a) is Annotated}


class Parameter(NamedTuple):
    """One parameter of a registered entry."""

    name: str
    annotation: Any
    default: Any

    @property
    def required(self) -> bool:
        """Whether the entry cannot be made without it."""
        return self.default is inspect.Parameter.empty


class Declared(NamedTuple):
    """An entry as its source declares it.

    Attributes
    ----------
    module : str
        Where it stands.
    about : str
        First line of its docstring.
    attributes : dict
        Class attributes that are literals, inherited ones included.
    computed : frozenset of str
        Names of class attributes that are not.
    parameters : tuple of Parameter, or None
        Of a dataclass; ``None`` where the source does not tell.
    """

    module: str
    about: str
    attributes: dict[str, Any]
    computed: frozenset[str]
    parameters: tuple[Parameter, ...] | None


class Index(NamedTuple):
    """Entries that a package declares, and its modules that register something less plainly."""

    declared: dict[str, Declared]
    unclear: tuple[str, ...]


@cache
def read_package(package: str) -> Index:
    """Read the modules of a package, which need not be imported."""
    declared: dict[str, Declared] = {}
    unclear: list[str] = []
    for path in sorted(_folder(package).glob("*.py")):
        text = path.read_text(encoding="utf-8")
        if path.stem == "__init__" or "register(" not in text:
            continue
        module, tree = f"{package}.{path.stem}", ast.parse(text)
        found = dict(_entries(tree, module))
        declared |= found
        if len(found) < sum(_is_register(node) for node in ast.walk(tree)):
            unclear.append(module)
    return Index(declared, tuple(unclear))


def _folder(package: str) -> Path:
    """Return the folder of a package; importing its parents could be slow, so only its top does."""
    top, *below = package.split(".")
    spec = importlib.util.find_spec(top)
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(f"No module named {package!r}", name=package)
    return Path(next(iter(spec.submodule_search_locations)), *below)


def _is_register(node: ast.AST) -> bool:
    if not isinstance(node, ast.Call):
        return False
    name = node.func.attr if isinstance(node.func, ast.Attribute) else node.func
    return name == "register" or (isinstance(name, ast.Name) and name.id == "register")


def _entries(tree: ast.Module, module: str) -> Iterator[tuple[str, Declared]]:
    for node in tree.body:
        if not isinstance(node, ast.ClassDef | ast.FunctionDef):
            continue
        for mark in node.decorator_list:
            if not (isinstance(mark, ast.Call) and _is_register(mark) and len(mark.args) == 1):
                continue
            name = mark.args[0]
            if isinstance(name, ast.Constant) and isinstance(name.value, str):
                yield name.value, _declared(node, tree, module)


def _declared(node: ast.ClassDef | ast.FunctionDef, tree: ast.Module, module: str) -> Declared:
    about = (ast.get_docstring(node) or "").partition("\n")[0]
    if isinstance(node, ast.FunctionDef):
        return Declared(module, about, {}, frozenset(), None)
    assigned: dict[str, ast.expr] = {}
    parameters: dict[str, Parameter] = {}
    for part in reversed(list(_lineage(node, tree, module))):
        for statement in part.body:
            if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
                assigned[statement.targets[0].id] = statement.value
            elif isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
                name, value = statement.target.id, statement.value
                if not ast.unparse(statement.annotation).startswith("ClassVar"):
                    parameters[name] = _parameter(name, statement.annotation, value)
                elif value is not None:
                    assigned[name] = value
    attributes = {name: _literal(value) for name, value in assigned.items()}
    computed = frozenset(name for name, value in attributes.items() if value is _UNKNOWN)
    literal = {name: value for name, value in attributes.items() if name not in computed}
    known = any("dataclass" in ast.unparse(mark) for mark in node.decorator_list) and not any(
        _UNKNOWN in (p.annotation, p.default) for p in parameters.values()
    )
    return Declared(module, about, literal, computed, tuple(parameters.values()) if known else None)


def _parameter(name: str, annotation: ast.expr, value: ast.expr | None) -> Parameter:
    default = inspect.Parameter.empty if value is None else _literal(value)
    return Parameter(name, _annotation(annotation), default)


def _lineage(node: ast.ClassDef, tree: ast.Module, module: str) -> Iterator[ast.ClassDef]:
    """Yield a class and its bases that stand in the same top-level package, in order."""
    yield node
    for base in node.bases:
        if not isinstance(base, ast.Name):
            continue
        for statement in tree.body:
            if isinstance(statement, ast.ClassDef) and statement.name == base.id:
                yield from _lineage(statement, tree, module)
            elif isinstance(statement, ast.ImportFrom) and statement.module:
                named = {alias.asname or alias.name: alias.name for alias in statement.names}
                if base.id in named and statement.module.split(".")[0] == module.split(".")[0]:
                    yield from _imported(named[base.id], statement.module)


def _imported(name: str, module: str) -> Iterator[ast.ClassDef]:
    tree = _tree(module)
    for statement in tree.body:
        if isinstance(statement, ast.ClassDef) and statement.name == name:
            yield from _lineage(statement, tree, module)


@cache
def _tree(module: str) -> ast.Module:
    place = _folder(module)
    file = place / "__init__.py" if place.is_dir() else place.with_suffix(".py")
    return ast.parse(file.read_text(encoding="utf-8"))


def _literal(node: ast.expr) -> Any:
    try:
        return ast.literal_eval(node)
    except ValueError:
        return _UNKNOWN


def _annotation(node: ast.expr) -> Any:
    """Return the type that an annotation of plain types means."""
    if isinstance(node, ast.Constant) and node.value is None:
        return type(None)
    if isinstance(node, ast.Name):
        return (_SCALARS | _RANGES).get(node.id, _UNKNOWN)
    if isinstance(node, ast.BinOp):
        left, right = _annotation(node.left), _annotation(node.right)
        return _UNKNOWN if _UNKNOWN in (left, right) else left | right
    if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name):
        if node.value.id == "Literal":
            return Literal[ast.literal_eval(node.slice)]
        if node.value.id == "Annotated" and isinstance(node.slice, ast.Tuple):
            kind, *bounds = node.slice.elts
            parts = (_annotation(kind), *map(_bound, bounds))
            return _UNKNOWN if _UNKNOWN in parts else Annotated[parts]
    return _UNKNOWN


def _bound(node: ast.expr) -> Any:
    """Return the constraint that a call such as ``Ge(2)`` makes."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and len(node.args) == 1:
        bound, edge = ranges.BOUNDS.get(node.func.id), _literal(node.args[0])
        return _UNKNOWN if bound is None or edge is _UNKNOWN else bound(edge)
    return _UNKNOWN
