"""The README's path from a clone to a picture of one's own attack, typed as printed.

Every command of its first screens is typed into a shell that knows nothing but ``python3``, in a
fresh clone. A new environment is installed from the package index; or, where that was done already,
the clone gets one that has the packages of this one.
"""

from __future__ import annotations

import os
import re
import shutil
import site
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from tests.pages import ROOT, blocks

pytestmark = pytest.mark.soak

LAST = "frl plot runs -o mine.png"
SHELLS = [
    pytest.param(
        shell,
        activate,
        marks=pytest.mark.skipif(not shutil.which(shell), reason=f"no {shell} here"),
    )
    for shell, activate in (("bash", ""), ("zsh", ""), ("fish", "source .venv/bin/activate.fish"))
]


def typed(activate: str) -> list[str]:
    """Return what a reader types up to the picture of an own attack."""
    lines = []
    for block in blocks(ROOT / "README.md"):
        for line in block.text.splitlines():
            if re.match(r"(make|frl|\.) ", line) and not block.language:
                command = line.partition(" #")[0].strip()
                lines.append(activate if activate and command.startswith(". ") else command)
            if line.startswith(LAST):
                return lines
    raise AssertionError(f"the README does not say {LAST!r}")


def clone(folder: Path) -> Path:
    """Clone this checkout as it is committed."""
    command = ["git", "clone", "--quiet", "--no-hardlinks", str(ROOT), str(folder)]
    subprocess.run(command, check=True)
    return folder


def furnish(project: Path) -> None:
    """Make the environment that ``make demo`` would install, of packages that are here."""
    venv.create(project / ".venv", symlinks=True, with_pip=False)
    (packages,) = (project / ".venv" / "lib").glob("python3*/site-packages")
    (packages / "here.pth").write_text("\n".join([str(project), *site.getsitepackages()]) + "\n")
    program = project / ".venv" / "bin" / "frl"
    python = project / ".venv" / "bin" / "python"
    main = 'if __name__ == "__main__":\n    main()\n'
    program.write_text(f"#!{python}\nfrom experiments.cli import main\n\n{main}")
    program.chmod(0o755)
    (project / ".venv" / ".installed").touch()


@pytest.mark.parametrize("installed", ["from the index", "as here"])
@pytest.mark.parametrize(("shell", "activate"), SHELLS)
def test_the_readme_leads_to_a_picture_of_ones_own_attack(
    shell: str, activate: str, installed: str, tmp_path: Path
) -> None:
    commands = typed(activate)
    assert commands[0] == "make demo"
    assert sum(command.startswith("frl ") for command in commands) == 3
    project = clone(tmp_path / "project")
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "python3").symlink_to(Path(sys.base_prefix) / "bin" / "python3")
    if installed == "as here":
        furnish(project)

    done = subprocess.run(
        [str(shutil.which(shell))],
        input="set -e\n" * (shell != "fish") + "\n".join(commands) + "\n",
        cwd=project,
        env={
            "PATH": f"{programs}:/usr/bin:/bin",
            "HOME": str(tmp_path),
            "FRL_CACHE": os.environ["FRL_CACHE"],
        },
        capture_output=True,
        text=True,
    )

    assert (done.returncode, "not found" in done.stderr) == (0, False), done.stderr[-3000:]
    assert (project / "runs" / "demo" / "comparison.png").stat().st_size > 1000
    assert (project / "mine.png").stat().st_size > 1000
    own = next((project / "runs").glob("digits-frl-mine-20-1"))
    assert (own / "result.json").exists()
    assert ".venv/bin/frl view runs" in done.stdout
    follow(project, done.stdout)


def follow(project: Path, said: str) -> None:
    """Type what ``make demo`` says to type next, in a shell without the environment."""
    told = said.partition("What to type next:")[2].splitlines()
    commands = [line.partition(" #")[0].strip() for line in told if line.startswith("  ")][:3]
    assert [command.split(" ")[0] for command in commands] == [
        ".venv/bin/frl",
        ".venv/bin/frl",
        ".",
    ]
    for command in commands[1:]:
        words = command.replace("mine", "another")
        subprocess.run(["bash", "-c", words], cwd=project, check=True, capture_output=True)
    assert (project / "another.py").exists()
    seen = commands[0] + " --port 0"
    with subprocess.Popen(
        ["bash", "-c", f"exec {seen}"], cwd=project, stdout=subprocess.PIPE, text=True
    ) as view:
        assert view.stdout is not None
        assert view.stdout.readline().startswith("http://127.0.0.1:")
        view.terminate()
