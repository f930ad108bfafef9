"""What commands print: tables for a reader in a terminal, and commands that work as printed."""

from __future__ import annotations

from pathlib import Path

import pytest

from experiments.commands.options import show, typed

TABLE = "Worst\n\n| rule | final |\n| --- | --- |\n| half_swap | 61.2 |"


@pytest.mark.parametrize("terminal", [False, True])
def test_tables_are_laid_out_in_a_terminal_and_markdown_elsewhere(
    terminal: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: terminal)

    show(TABLE)

    out = capsys.readouterr().out
    assert "half_swap" in out
    assert "61.2" in out
    assert (out == TABLE + "\n") != terminal
    assert ("|" in out) != terminal


def test_a_command_is_named_as_it_can_be_typed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / ".venv" / "bin" / "frl"
    program.parent.mkdir(parents=True)
    program.touch(mode=0o755)
    monkeypatch.setattr("sys.argv", [str(program), "run"])
    monkeypatch.setenv("PATH", str(tmp_path))
    assert typed("view runs") == f"{program} view runs"

    monkeypatch.setenv("PATH", str(program.parent))
    assert typed("view runs") == "frl view runs"
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("sys.argv", ["/usr/lib/python/pytest/__main__.py"])
    assert typed("view runs") == "frl view runs"
