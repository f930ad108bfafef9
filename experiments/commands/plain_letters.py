"""Plain letters for streams whose encoding has no others, such as ASCII or Latin-1."""

from __future__ import annotations

import codecs
import io
import sys
import unicodedata

_NAME = "frl.plain_letters"
_PLAIN = {
    "…": "...",
    "±": "+-",
    "·": "-",
    "—": "-",
    "\N{EN DASH}": "-",
    "\N{MULTIPLICATION SIGN}": "x",
    "≤": "<=",
    "≥": ">=",
    "→": "->",
    "━": "-",
    "╸": "-",
    "╺": "-",
    "\N{RIGHT SINGLE QUOTATION MARK}": "'",
    "“": '"',
    "”": '"',
}


def use_plain_letters() -> None:
    """Let what standard output and error cannot encode be written in plain letters."""
    codecs.register_error(_NAME, _replaced)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=_NAME)


def _replaced(error: UnicodeError) -> tuple[bytes, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return b"".join(map(_plain, error.object[error.start : error.end])), error.end


def _plain(letter: str) -> bytes:
    """Return plain letters, or the byte of a file name that is no text."""
    if "\udc80" <= letter <= "\udcff":
        return bytes([ord(letter) - 0xDC00])
    if letter in _PLAIN:
        return _PLAIN[letter].encode()
    return unicodedata.normalize("NFKD", letter).encode("ascii", "ignore") or b"?"
