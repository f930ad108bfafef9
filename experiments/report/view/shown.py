"""Text of files and folders, made fit to be shown."""

from __future__ import annotations

import unicodedata

_HIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn"}


def shown(text: str) -> str:
    """Replace what cannot be seen, or turns the text around it, by its code.

    Control characters, marks of direction and bytes that are no UTF-8 stand as they do in Python:
    a backslash, ``x`` or ``u``, and their number.
    """
    if text.isprintable():
        return text
    return "".join(_coded(letter) if _is_hidden(letter) else letter for letter in text)


def _is_hidden(letter: str) -> bool:
    return unicodedata.category(letter) in _HIDDEN


def _coded(letter: str) -> str:
    return letter.encode("ascii", "backslashreplace").decode() if letter > "\x7f" else _byte(letter)


def _byte(letter: str) -> str:
    return f"\\x{ord(letter):02x}"
