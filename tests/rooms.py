"""The arrows between the rooms of a package: which sub-package imports which.

``python -m tests.rooms [PACKAGE]`` prints them.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

DOORS = ("cli", "client_app", "server_app")
"""Modules on the top floor that programs call; they may import every room."""


def arrows(package: Path) -> dict[tuple[str, str], int]:
    """Count the imports from each room of a package to each other one, also those in functions."""
    found: dict[tuple[str, str], int] = {}
    for path in sorted(package.rglob("*.py")):
        room = _room(path.relative_to(package).with_suffix("").parts)
        for module in _imported(path):
            parts = module.split(".")
            if parts[0] != package.name or len(parts) < 2:
                continue
            other = parts[1]
            if other != room and (package / other).exists() | (package / f"{other}.py").exists():
                found[room, other] = found.get((room, other), 0) + 1
    return found


def rooms(package: Path) -> list[str]:
    """Names of the sub-packages and of the modules on the top floor."""
    held = [path for path in package.iterdir() if (path / "__init__.py").exists()]
    files = [path for path in package.glob("*.py") if path.stem != "__init__"]
    return sorted({path.stem for path in (*held, *files)})


def floors(between: dict[tuple[str, str], int]) -> list[list[str]]:
    """Put each room above all that it imports.

    Raises
    ------
    ValueError
        If rooms import each other in a circle.
    """
    below: dict[str, set[str]] = {}
    for room, other in between:
        below.setdefault(room, set()).add(other)
        below.setdefault(other, set())
    found: list[list[str]] = []
    while below:
        ground = sorted(room for room, others in below.items() if not others)
        if not ground:
            raise ValueError(f"a circle of imports among {sorted(below)}")
        found.append(ground)
        below = {r: others - set(ground) for r, others in below.items() if r not in ground}
    return found


def _room(parts: tuple[str, ...]) -> str:
    return parts[0]


def _imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
            yield from (
                f"{node.module}.{alias.name}" for alias in node.names if node.module.count(".") == 0
            )


def _print(package: Path) -> None:
    between = arrows(package)
    inner = {pair: n for pair, n in between.items() if pair[0] not in DOORS}
    print(f"{len(rooms(package))} rooms on the top floor, {len(between)} arrows")  # noqa: T201
    for (room, other), count in sorted(between.items()):
        print(f"{room} -> {other}: {count}")  # noqa: T201
    for number, floor in enumerate(floors(inner)):
        print(f"floor {number}: {', '.join(floor)}")  # noqa: T201


if __name__ == "__main__":
    _print(Path(sys.argv[1] if len(sys.argv) > 1 else "experiments"))
