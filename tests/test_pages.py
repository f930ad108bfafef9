"""What the pages tell a reader to type works.

The tutorial, the how-to pages and the README are carried out from top to bottom in an empty
folder: files are written, Python is executed, commands are run, with a single round. Commands that
need a GPU, a cluster or real data that are not here, and those of every other page, are checked as
far as the configuration they name.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import click
import pytest
import typer

from experiments import cli
from experiments.config import read
from experiments.sweep.grid import read_grid
from tests.pages import PAGES, ROOT, blocks, commands, inline_commands, patched

DONE = [
    ROOT / "README.md",
    ROOT / "docs" / "tutorial.md",
    ROOT / "docs" / "experiments.md",
    *(page for page in (ROOT / "docs" / "howto").glob("*.md") if page.stem != "flower_app"),
]
"""All but one, which ``tests/test_flower_app.py`` and ``test_flower_app_runtimes.py`` carry out."""
SMALL = ("rounds=1", "clients_per_round=8", "train.epochs=1")
ELSEWHERE = {
    "flwr": "tests/experiments/test_flower.py",
    "pytest": "tests",
    "python": "tests",
    "ray": "tests/experiments/test_faults.py",
}
"""Programs that a test of its own runs, and where."""
NOT_HERE = ("cd", "export", "git", "pip")


@pytest.mark.ray
@pytest.mark.parametrize("page", DONE, ids=lambda page: page.name)
def test_a_page_can_be_followed(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("experiments", "docs"):
        (tmp_path / name).symlink_to(ROOT / name)

    follow(page, tmp_path)


def follow(page: Path, tmp_path: Path) -> dict[str, Any]:
    """Carry out a page in a folder, and return the names that its Python has made."""
    known: dict[str, Any] = {"__name__": "page"}
    for block in blocks(page):
        if block.language == "diff":
            old, new = block.file.split(" → ")
            text = patched((tmp_path / old).read_text(encoding="utf-8"), block.text)
            (tmp_path / new).write_text(text, encoding="utf-8")
        elif block.file:
            (tmp_path / block.file).write_text(block.text, encoding="utf-8")
        elif block.language == "python":
            text = block.text.replace("num_rounds=20", "num_rounds=2")
            exec(compile(text, page.name, "exec"), known)
        for words in commands(block):
            type_in(words)
    return known


def type_in(words: list[str]) -> None:
    program, arguments = words[0], words[1:]
    if program in ELSEWHERE:
        assert (ROOT / ELSEWHERE[program]).exists()
    elif program == "make":
        done = subprocess.run(["make", "-n", *arguments], cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    elif program == "frl":
        carry_out(arguments)
    else:
        assert program in NOT_HERE, f"nothing runs {program}"


def carry_out(arguments: list[str]) -> None:
    if arguments[0] in ("run", "sweep"):
        arguments = shrunk(arguments)
    if arguments:
        typer.main.get_command(cli.app).main(arguments, prog_name="frl", standalone_mode=False)


def shrunk(arguments: list[str]) -> list[str]:
    """One round; nothing where what it needs is not here."""
    given = checked(arguments)
    small = [part for pair in SMALL for part in ("-o", pair)]
    if given.engine.device != "cpu" or given.engine.address:
        return []
    if given.data.name in ("mnist", "cifar10"):
        root = os.environ.get("FRL_DATA_ROOT", "")
        local = Path(root) / given.data.name
        if given.data.path != "FOLDER" or not root or not local.is_dir():
            return []
        small += ["-o", f"data.path={local}", "-o", "engine.name=inprocess"]
    return [*arguments, *small]


def checked(arguments: list[str]):
    """Read the configuration that a command names, as the command does."""
    group = typer.main.get_command(cli.app)
    assert isinstance(group, click.Group)
    command = group.commands[arguments[0]]
    with command.make_context(arguments[0], list(arguments[1:])) as context:
        found = context.params
    if arguments[0] == "run":
        config = found["config"]
        path = None if config is None else Path(config)
        return read(path, found["override"] or (), found["profile"])
    if arguments[0] == "sweep":
        return read_grid(Path(found["grid"]), Path("never"), found["override"] or ())[0].config
    return None


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_names_what_there_is(page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    written = {Path(block.file).stem for block in blocks(page) if block.file}
    for block in blocks(page):
        begun = [words for words in commands(block) if words[:2] == ["frl", "init"]]
        written |= {words[-1] for words in begun if words[-2] in ("--attack", "--rule")}

    for block in blocks(page):
        for words in commands(block):
            if words[0] == "frl" and not any(stem in word for stem in written for word in words):
                checked(words[1:])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_in_the_text_exist(page: Path) -> None:
    group = typer.main.get_command(cli.app)
    assert isinstance(group, click.Group)

    for words in inline_commands(page):
        command = group.commands[words[1]]
        if isinstance(command, click.Group):
            command = command.commands[words[2]]
        known = {name for option in command.params for name in option.opts} | {"--help"}
        options = {word for word in words[2:] if word.startswith("-")}
        assert options <= known, words
