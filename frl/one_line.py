"""Text that a client sent, as one line that is safe to show and to record."""

from __future__ import annotations

MOST = 200
"""Characters that are kept."""


def one_line(text: str) -> str:
    """Escape what does not print (newlines, control and bidirectional characters), and cut."""
    kept = text[: MOST + 1]
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in kept)
    return shown if len(shown) <= MOST else shown[: MOST - 1] + "…"
