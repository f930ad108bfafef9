"""Every key of a run in ``pyproject.toml``, so that ``flwr run . -c`` takes what ``-o`` takes.

``python -m experiments.config.pyproject`` writes the tables there again from
:mod:`experiments.config.tables`.
"""

from __future__ import annotations

import re
from pathlib import Path

import tomli_w

from experiments.config.configuration import FLOWER_KEYS, defaults

TABLE = "tool.flwr.app.config"
_TABLES = re.compile(
    rf"^\[{re.escape(TABLE)}\]\n.*?(?=^\[(?!{re.escape(TABLE)}\.)|\Z)", re.M | re.S
)


def flower_tables() -> str:
    """Return the tables of Flower's run configuration: every key with its default."""
    tables: dict[str, dict[str, object]] = {"": dict(FLOWER_KEYS)}
    for key, value in defaults().items():
        table, _, name = key.rpartition(".")
        tables.setdefault(table, {})[name] = value
    parts = [
        f"[{TABLE}{'.' if table else ''}{table}]\n{tomli_w.dumps(keys)}"
        for table, keys in tables.items()
    ]
    return "\n".join(parts)


def rewritten(text: str) -> str:
    """Return the text of a project file with the tables as they are now.

    Raises
    ------
    ValueError
        If it has none.
    """
    if not _TABLES.search(text):
        raise ValueError(f"no table [{TABLE}]")
    return _TABLES.sub(lambda found: flower_tables() + "\n" * (found.end() < len(text)), text)


if __name__ == "__main__":
    path = Path(__file__).parents[2] / "pyproject.toml"
    path.write_text(rewritten(path.read_text(encoding="utf-8")), encoding="utf-8")
