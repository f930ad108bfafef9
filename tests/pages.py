"""The pages of the documentation, taken apart into what a reader would type."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]

_FENCE = re.compile(r"^```([^\n]*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_TITLE = re.compile(r'title="([^"]+)"')
_PROGRAMS = ("cd", "export", "flwr", "frl", "git", "make", "pip", "pytest", "python", "ray")


class Block(NamedTuple):
    """A fenced block: its language, the file it is the text of, if any, and the text."""

    language: str
    file: str
    text: str


def blocks(page: Path) -> list[Block]:
    found = []
    for info, text in _FENCE.findall(page.read_text(encoding="utf-8")):
        title = _TITLE.search(info)
        found.append(Block(info.split(" ")[0], title.group(1) if title else "", text))
    return found


def commands(block: Block) -> list[list[str]]:
    """Commands of a block, split as a shell does.

    In a block of ``sh`` every line is one; in a block without a language those lines are that
    begin with a program we know, and the rest is what it prints.
    """
    if block.language not in ("", "sh") or block.file:
        return []
    lines = block.text.replace("\\\n", " ").splitlines()
    return [shlex.split(line, comments=True) for line in lines if _is_command(block, line)]


def _is_command(block: Block, line: str) -> bool:
    first = line.split(" ")[0]
    return bool(line.strip()) and (block.language == "sh" or first in _PROGRAMS)


def inline_commands(page: Path) -> list[list[str]]:
    """Words of each ``frl ...`` in the running text, without brackets and ellipses."""
    text = _FENCE.sub("", page.read_text(encoding="utf-8"))
    found = [code for code in re.findall(r"`([^`\n]+)`", text) if code.startswith("frl ")]
    return [re.sub(r"[\[\]…]", " ", code.replace("\\|", "|")).split() for code in found]


def patched(text: str, diff: str) -> str:
    """Apply a diff without line numbers: its pieces, parted by ``@@``, in their order.

    Raises
    ------
    ValueError
        If a piece is not found exactly once in what follows the one before.
    """
    done, rest = "", text
    for piece in re.split(r"^@@\n", diff, flags=re.MULTILINE):
        lines = piece.splitlines(keepends=True)
        old = "".join(line[1:] for line in lines if line[0] in " -")
        new = "".join(line[1:] for line in lines if line[0] in " +")
        if rest.count(old) != 1:
            raise ValueError(f"{rest.count(old)} places for\n{old}")
        before, rest = rest.split(old)
        done += before + new
    return done + rest


def changed_lines(diff: str) -> int:
    """Lines that a reader has to add, or to write anew."""
    return sum(line.startswith("+") and bool(line[1:].strip()) for line in diff.splitlines())
