"""What the documentation says is what the code says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from experiments.commands.catalogue import catalogue, markdown
from tests.pages import PAGES, ROOT


@pytest.mark.parametrize(
    ("page", "kind"),
    [("rules.md", "rules"), ("rules.md", "pre_aggregations"), ("attacks.md", "attacks")],
)
def test_generated_tables_are_up_to_date(page: str, kind: str) -> None:
    """Write them anew with ``frl list KIND --markdown``."""
    assert markdown(kind) in (ROOT / "docs" / page).read_text(encoding="utf-8")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")

    for target in re.findall(r"\]\(([^)#:]+)\)", text):
        assert (page.parent / target).exists(), target


def test_the_readme_counts_right() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")

    attacks, rules = (
        int(n) for n in re.findall(r"(\d+) poisoning\s+attacks, (\d+) robust", text)[0]
    )
    assert attacks == len(catalogue("attacks"))
    assert rules == len(catalogue("rules"))
