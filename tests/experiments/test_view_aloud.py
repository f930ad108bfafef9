"""What a screen reader and a keyboard need, in every page of the view and in the report."""

from __future__ import annotations

import re
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

import pytest

from experiments.report.view.app import view_app
from experiments.report.view.comparison import Comparison
from experiments.report.view.html_file import html_report
from experiments.report.view.reading.index import Index
from tests.experiments.viewed import get, write_run

ROOT = Path(__file__).parents[2]
_VOID = {"img", "input", "link", "meta", "br"}


class Faults(HTMLParser):
    """Lists what cannot be read aloud: controls and pictures without a name, and so on."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.ids: Counter[str] = Counter()
        self.headings: list[int] = []
        self._open: list[tuple[str, dict[str, str | None]]] = []
        self._words: list[str] = []
        self.feed(page)
        self.found += [f"id {name} twice" for name, count in self.ids.items() if count > 1]
        self.found += [
            f"h{after} after h{before}"
            for before, after in zip(self.headings, self.headings[1:], strict=False)
            if after > before + 1
        ]
        if self.headings.count(1) != 1:
            self.found.append(f"{self.headings.count(1)} h1")

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.ids.update(filter(None, [given.get("id")]))
        named = bool(given.get("aria-label"))
        labelled = named or any(name == "label" for name, _ in self._open)
        if tag in ("input", "select") and given.get("type") != "hidden" and not labelled:
            self.found.append(f"{tag} {given.get('name')} without a label")
        if tag == "img" and not given.get("alt"):
            self.found.append("a picture without words")
        if tag == "svg" and not (given.get("role") == "img" and named):
            self.found.append("a chart without words")
        if tag == "th" and not given.get("scope"):
            self.found.append("a heading of nothing in a table")
        if given.get("role") == "region" and not (named and given.get("tabindex") == "0"):
            self.found.append("a region that cannot be scrolled by keyboard")
        if "style" in given or any(name.startswith("on") for name in given):
            self.found.append(f"{tag} with a style or a handler, which the page forbids")
        if re.fullmatch(r"h[1-6]", tag):
            self.headings.append(int(tag[1]))
        if tag == "html" and not given.get("lang"):
            self.found.append("no language")
        if tag not in _VOID:
            self._open.append((tag, given))
            self._words.append("")

    def handle_data(self, data: str) -> None:
        self._words = [words + data.strip() for words in self._words]

    def handle_endtag(self, tag: str) -> None:
        if not self._open or self._open[-1][0] != tag:
            self.found.append(f"</{tag}> closes {self._open[-1:]}")
            return
        (_, given), words = self._open.pop(), self._words.pop()
        if tag in ("a", "button", "caption", "figcaption", "option", "summary", "title") and not (
            words or given.get("aria-label")
        ):
            self.found.append(f"{tag} without a word")


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("runs")
    write_run(folder / "clean", [0.2, 0.9])
    write_run(folder / "guarded", [0.3, 0.8], strategy__rule="change_vote")
    swap = {"attack__name": "half_swap", "attack__fraction": 0.2}
    write_run(folder / "attacked", [0.3, 0.4], **swap)
    app = view_app(Index([folder]))
    found = {name: get(app, name).text for name in ("/", "/?group=strategy.rule", "/?q=none")}
    found["/compare"] = get(app, "/compare?versus=FRL+sum&versus=FRL+change_vote").text
    found["/run"] = get(app, re.findall(r'href="(/run/\w+)"', found["/"])[0]).text
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Comparison, "picture", lambda *_: b"<svg/>")
        found["report"] = html_report([folder])
    return found


@pytest.mark.parametrize(
    "name", ["/", "/?group=strategy.rule", "/?q=none", "/compare", "/run", "report"]
)
def test_a_page_can_be_read_aloud_and_used_by_keyboard(pages: dict[str, str], name: str) -> None:
    assert Faults(pages[name]).found == []


def test_such_faults_are_found() -> None:
    page = '<html><h1>x</h1><h3>y</h3><input name=q><img src=x><svg></svg><a href="/"></a></html>'
    assert len(Faults(page).found) == 6


@pytest.mark.parametrize("dark", [False, True])
def test_text_stands_out_from_its_ground(dark: bool) -> None:
    """Contrast as WCAG 2 defines it: 4.5 for text and 3 for lines."""
    style = (ROOT / "experiments/report/view/static/style.css").read_text(encoding="utf-8")
    palettes = re.findall(r":root \{(.*?)\}", style, re.DOTALL)
    colours = dict(re.findall(r"--(\w+): (#\w{6})", palettes[0] + palettes[1] * dark))

    for name in ("ink", "soft", "link", "c1", "c2"):
        for ground in ("paper", "shade"):
            assert contrast(colours[name], colours[ground]) >= 4.5, (name, ground)
    for name in (f"c{number}" for number in range(7)):
        assert contrast(colours[name], colours["paper"]) >= 3, name


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
