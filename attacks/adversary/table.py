"""The table of all attacks."""

from __future__ import annotations

from typing import cast

import attacks
from attacks.base import Attack, Knowledge
from frl.registry import Parameter
from frl.registry.ranges import interval

COLUMNS = ("name", "space", "knowledge", "formula", "paper", "parameters")


def rows() -> list[dict[str, str]]:
    """Describe every registered attack; one dict of :data:`COLUMNS` each, sorted by name."""
    described = []
    for name in attacks.list():
        attack = cast("type[Attack]", attacks.get(name))
        described.append(
            {
                "name": name,
                "space": attack.space,
                "knowledge": knowledge_words(attack.knowledge),
                "formula": attack.formula,
                "paper": attack.paper,
                "parameters": ", ".join(_parameter(p) for p in attacks.parameters(name)),
            }
        )
    return described


def knowledge_words(knowledge: Knowledge) -> str:
    """Write knowledge out, e.g. ``"own, colluders, rule"``."""
    return ", ".join(flag.name.lower() for flag in Knowledge.OWN | knowledge if flag.name)


def markdown() -> str:
    """Render :func:`rows` as a Markdown table."""
    lines = [f"| {' | '.join(COLUMNS)} |", f"|{'---|' * len(COLUMNS)}"]
    lines += [
        f"| {' | '.join(row[column].replace('|', chr(92) + '|') for column in COLUMNS)} |"
        for row in rows()
    ]
    return "\n".join(lines) + "\n"


def _parameter(parameter: Parameter) -> str:
    shown = parameter.name if parameter.required else f"{parameter.name}={parameter.default!r}"
    limits = interval(parameter.annotation)
    return f"{shown} ({limits})" if limits else shown
