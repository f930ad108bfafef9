"""Pages of their templates: whatever a run says is text in them."""

from __future__ import annotations

from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("experiments.report.view"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def rendered(template: str, **values: Any) -> str:
    """Fill in a template."""
    return _environment().get_template(template).render(**values)


def asset(name: str) -> str:
    """Return the text of a style sheet or script of this package."""
    from importlib.resources import files

    return (files("experiments.report.view") / "static" / name).read_text(encoding="utf-8")
