"""Plain letters for streams whose encoding has no others, such as ASCII or Latin-1."""

from __future__ import annotations

import codecs
import io
import sys
import unicodedata

_NAME = "frl.plain_letters"
_ASCII = "frl_ascii"
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
    codecs.register(_found)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            ascii_only = codecs.lookup(stream.encoding).name == "ascii"
            stream.reconfigure(encoding=_ASCII if ascii_only else stream.encoding, errors=_NAME)


def _found(name: str) -> codecs.CodecInfo | None:
    """Return ASCII under another name, since click writes UTF-8 where it meets ASCII."""
    if name != _ASCII:
        return None
    made = codecs.lookup("ascii")
    return codecs.CodecInfo(
        made.encode,
        made.decode,
        incrementalencoder=made.incrementalencoder,
        incrementaldecoder=made.incrementaldecoder,
        streamreader=made.streamreader,
        streamwriter=made.streamwriter,
        name=_ASCII,
    )


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
