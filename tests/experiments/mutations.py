"""Damage and edits of a record: every file and key of it deleted, changed, cut and flipped."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tomli_w

from experiments.records.checkpoints import _read as checkpoint_file
from experiments.records.checkpoints import save_checkpoint

JSON_FILES = ("result.json", "identity.json")


class Mutation(NamedTuple):
    """One change of one file of a record."""

    name: str
    file: str
    change: Callable[[bytes], bytes | None]


def mutations(folder: Path, *, flips: int, seed: int = 0) -> Iterator[Mutation]:
    """Yield every edit of a key, and so many flipped bits and cuts of each file."""
    files = sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())
    files = [name for name in files if not name.endswith((".png", ".lock"))]
    rng = np.random.default_rng(seed)
    for file in files:
        content = (folder / file).read_bytes()
        yield Mutation(f"{file} deleted", file, lambda _: None)
        for text in (b"", b"{}\n", b"[" * 20_000, b"\xff\xfe\x00", b"null\n"):
            yield Mutation(f"{file} is {text[:9]!r}", file, lambda _, text=text: text)
        for place in rng.integers(0, len(content), flips):
            bit = int(rng.integers(8))
            yield Mutation(f"{file}: bit {bit} of byte {place}", file, _flip(int(place), bit))
            yield Mutation(f"{file}: cut to {place}", file, _cut(int(place)))
    yield from _edits("config.toml", tomllib.loads, tomli_w.dumps, folder)
    for file in filter(files.__contains__, JSON_FILES):
        yield from _edits(file, json.loads, json.dumps, folder)
    yield from _edits("rounds.jsonl", _lines, _joined, folder)


def unsealed(folder: Path) -> None:
    """Make a record like one of before there were seals."""
    (folder / "identity.json").unlink()
    rows = _lines((folder / "rounds.jsonl").read_text(encoding="utf-8"))
    for row in rows:
        row.pop("check")
    (folder / "rounds.jsonl").write_text(_joined(rows), encoding="utf-8")
    if (folder / "result.json").exists():
        result = json.loads((folder / "result.json").read_text(encoding="utf-8"))
        for key in ("check", "rows_seal", "identity_seal"):
            result.pop(key)
        (folder / "result.json").write_text(json.dumps(result), encoding="utf-8")
    for path in (folder / "checkpoint").iterdir():
        found = checkpoint_file(path)
        path.unlink()
        save_checkpoint(path.parent, found._replace(rows_seal="", identity_seal=""))


def _edits(
    file: str, read: Callable[[str], Any], write: Callable[[Any], str], folder: Path
) -> Iterator[Mutation]:
    found = read((folder / file).read_text(encoding="utf-8"))
    for path in _paths(found):
        where = f"{file}: {'.'.join(map(str, path))}"
        yield Mutation(f"{where} deleted", file, _edited(read, write, path, None))
        for value in _others(_at(found, path)):
            yield Mutation(f"{where} = {value!r}", file, _edited(read, write, path, [value]))


def _others(value: Any) -> list[Any]:
    """Return another value of the same type, and one of another."""
    if isinstance(value, bool):
        return [not value, "text"]
    if isinstance(value, int | float):
        return [value + 1, "text"]
    if isinstance(value, str):
        return [value + "x", 7]
    return ["text", 7]


def _paths(found: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if isinstance(found, dict):
        parts = list(found.items())
    elif isinstance(found, list) and not above:
        parts = list(enumerate(found))
    else:
        return
    for key, inner in parts:
        yield (*above, key)
        yield from _paths(inner, (*above, key))


def _at(found: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        found = found[key]
    return found


def _edited(
    read: Callable[[str], Any],
    write: Callable[[Any], str],
    path: tuple[Any, ...],
    value: list[Any] | None,
) -> Callable[[bytes], bytes]:
    def change(content: bytes) -> bytes:
        found = read(content.decode())
        place = _at(found, path[:-1])
        if value is None:
            del place[path[-1]]
        else:
            place[path[-1]] = value[0]
        return write(found).encode()

    return change


def _flip(place: int, bit: int) -> Callable[[bytes], bytes]:
    return lambda content: (
        content[:place] + bytes([content[place] ^ (1 << bit)]) + content[place + 1 :]
    )


def _cut(place: int) -> Callable[[bytes], bytes]:
    return lambda content: content[:place]


def _lines(text: str) -> list[Any]:
    return [json.loads(line) for line in text.splitlines()]


def _joined(rows: list[Any]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)
