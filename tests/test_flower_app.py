"""The how-to page on any Flower app, word for word, and what it promises."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.pages import ROOT, blocks, changed_lines, patched
from tests.test_pages import follow

PAGE = ROOT / "docs" / "howto" / "flower_app.md"
APPS = ("plain_app", "drill_app", "robust_app", "ranks_app")


def test_the_page_can_be_followed_and_its_figures_hold(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    for name in APPS:
        monkeypatch.delitem(sys.modules, name, raising=False)

    known = follow(PAGE, tmp_path)

    accuracy = known["accuracy"]
    clean = accuracy["plain", "nobody"]
    assert clean > 0.85
    assert accuracy["plain", "ipm"] < 0.2
    assert accuracy["plain", "NaN replies"] < 0.2
    for attack in ("nobody", "ipm", "NaN replies", "label flip"):
        assert accuracy["robust", attack] > clean - 0.03
    assert len(known["suspects"]) == 2
    assert accuracy["ranks", "nobody"] > 0.8
    table = [line.split("|")[1:-1] for line in PAGE.read_text(encoding="utf-8").splitlines()]
    told = {row[0].strip(): row[1:] for row in table if len(row) == 3}
    for attack, (bare, robust) in told.items():
        if ("plain", attack) in accuracy:
            assert float(bare) == pytest.approx(accuracy["plain", attack], abs=0.03)
            assert float(robust) == pytest.approx(accuracy["robust", attack], abs=0.03)


def test_ten_lines_change() -> None:
    diffs = {block.file: block.text for block in blocks(PAGE) if block.language == "diff"}
    drill = diffs["plain_app.py → drill_app.py"]
    robust = diffs["drill_app.py → robust_app.py"]

    assert changed_lines(drill) + changed_lines(robust) <= 10


def test_a_diff_is_applied_where_it_fits_and_nowhere_else() -> None:
    text = "a\nb\nc\nb\n"

    assert patched(text, " a\n-b\n+x\n@@\n c\n+y\n") == "a\nx\nc\ny\nb\n"
    for wrong in ("-b\n", " a\n-c\n", " c\n@@\n-a\n"):
        with pytest.raises(ValueError, match="places for"):
            patched(text, wrong)
