"""A configuration as a file for people: every key with its default and what it means."""

from __future__ import annotations

import tomli_w

from experiments.config.configuration import Scalar, defaults, fields

_HEAD = """\
# A run of federated rank learning: frl run THIS_FILE. What is left out has its default, which is
# what stands here. Keys of an attack or a rule stand beside its name (frl list attacks, rules).
"""


def commented() -> str:
    """Return every key with its default, under a comment that says what it means."""
    values = defaults()
    lines, table = [_HEAD], ""
    for key, field in fields().items():
        of, _, name = key.rpartition(".")
        if of != table:
            lines.append(f"\n[{of}]")
            table = of
        lines.append(f"# {field.description}")
        lines.append(_pair(name, values[key]))
    return "\n".join(lines) + "\n"


def _pair(name: str, value: Scalar) -> str:
    if name == "plugins":
        return "plugins = []"
    return tomli_w.dumps({name: value}).strip()
