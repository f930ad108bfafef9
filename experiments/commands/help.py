"""The help of a command, as plain text."""

from __future__ import annotations

from click import Context
from typer.core import TyperCommand


class PlainHelp(TyperCommand):
    """A command whose help is not marked up; Typer escapes brackets in it all the same."""

    def get_help(self, ctx: Context) -> str:
        """Return the help with brackets as they are."""
        return super().get_help(ctx).replace("\\[", "[")
