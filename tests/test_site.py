"""The site builds without a warning and shows what the registries hold."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from filelock import FileLock

import attacks
from experiments.commands.catalogue import catalogue
from strategies import rules
from tests.pages import ROOT


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built once for all processes of a test run."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "site"
    with FileLock(f"{folder}.lock"):
        if not folder.exists():
            work = folder.with_name("site-unfinished")
            built = subprocess.run(
                [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(work)],
                cwd=ROOT,
                capture_output=True,
                text=True,
                env={
                    **os.environ,
                    "PYTHONPATH": str(ROOT),
                    "NO_MKDOCS_2_WARNING": "1",
                    "FRL_PROFILE": "quick",
                },
            )
            assert built.returncode == 0, built.stderr
            work.rename(folder)
    return folder


def text(site: Path, page: str) -> str:
    return (site / page).read_text(encoding="utf-8")


def test_the_readme_is_the_front_page(site: Path) -> None:
    page = text(site, "index.html")

    assert 'src="comparison.png"' in page
    assert 'href="robustness.html"' in page
    assert 'href="contributing.html"' in page
    assert 'href="docs/' not in page


def test_the_reference_has_every_key_command_attack_and_rule(site: Path) -> None:
    keys, commands = (
        text(site, "reference/configuration.html"),
        text(site, "reference/commands.html"),
    )

    assert all(f"<td>{row['name']}</td>" in keys for row in catalogue("keys"))
    assert all(f">frl {name}<" in commands for name in ("run", "resume", "sweep", "plot", "list"))
    for registry, page in ((attacks, "attacks"), (rules, "strategies")):
        shown = text(site, f"reference/{page}.html")
        for name in registry.list():
            entry = registry.get(name)
            assert f'id="{entry.__module__}.{entry.__qualname__}"' in shown, name


def test_every_page_can_be_reached(site: Path) -> None:
    front = text(site, "index.html")

    for page in (ROOT / "docs").rglob("*.md"):
        assert f'href="{page.relative_to(ROOT / "docs").with_suffix(".html")}"' in front, page


def test_notebooks_ran_quietly_and_drew(site: Path) -> None:
    pages = {page.stem: page.read_text(encoding="utf-8") for page in site.glob("notebooks/*.html")}

    assert set(pages) == {path.stem for path in (ROOT / "experiments/notebooks").glob("*.ipynb")}
    for name, page in pages.items():
        assert 'src="data:image/png;base64,' in page, name
        assert not re.search(r'"application/vnd\.jupyter\.stderr"[^\]]', page), name
        assert f"jupyter lab experiments/notebooks/{name}.ipynb" in page
        assert not re.findall(r'(?:src|href)="https?://[^"]*\.(?:js|css)', page), name


def test_docstrings_show_no_markup_of_another_tool(site: Path) -> None:
    for page in (site / "reference").glob("*.html"):
        shown = page.read_text(encoding="utf-8")
        assert ":class:" not in shown
        assert ":func:" not in shown
