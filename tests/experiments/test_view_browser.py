"""``frl view`` and the HTML report in a browser: nothing fails, leaves the machine or shuts out."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from types import SimpleNamespace
from typing import Any

import pytest

from experiments.records import RunDirectory
from experiments.records.rows import read_rows
from experiments.report.view.html_file import html_report
from tests.experiments.browsing import Watched, browsing, chromium, serving
from tests.experiments.viewed import row, write_run

pytest.importorskip("playwright", reason="playwright is not installed")

SWAP = {"attack__name": "half_swap", "attack__fraction": 0.2}
EVIL = "<img src=x onerror=window.hostile=1>"
AWAY = "<img src=http://elsewhere.example/x.png onerror=window.hostile=1>"
SEEN = 'a[href],button,input:not([type=hidden]),select,summary,[tabindex="0"]'
PAGES = ("runs", "grouped", "run", "compare", "report")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimpleNamespace]:
    """Start one server and one browser for all tests here."""
    chromium()
    folder = tmp_path_factory.mktemp("runs")
    for seed in (0, 1):
        write_run(folder / f"clean-{seed}", [0.2, 0.9 + seed / 100], seed=seed)
        write_run(folder / f"swap-{seed}", [0.2, 0.4], seed=seed, **SWAP)
        rule = {"strategy__rule": "change_vote", **SWAP}
        write_run(folder / f"guarded-{seed}", [0.3, 0.8], seed=seed, **rule)
    write_run(folder / "growing", [0.1], rounds=9)
    write_run(folder / "broken", [0.5], rounds=9)
    (folder / "broken" / "rounds.jsonl").write_text("no json\n")
    evil = write_run(folder / EVIL, [0.5], rounds=3)
    config = evil.path / "config.toml"
    config.write_text(config.read_text().replace('"conv2"', f'"{AWAY}"'))
    bad = {"weights": [[1, 0.6, AWAY]], "rejections": [[3, AWAY, AWAY]], "churn": {AWAY: 0.1}}
    grow(evil, row(2, **bad))
    report = folder.parent / "report.html"
    few = [folder / "swap-0", evil.path]
    report.write_text(html_report(few), encoding="utf-8")
    with serving(folder) as address, browsing() as browser:
        first = Watched(browser).open(address)
        place = {
            name: address.rstrip("/") + first.get_by_role("link", name=name).get_attribute("href")
            for name in ("swap-0", "growing", EVIL)
        }
        pages = {
            "runs": address,
            "grouped": f"{address}?group=strategy.rule&sort=accuracy",
            "run": place["swap-0"],
            "compare": f"{address}compare?versus=FRL+sum&versus=FRL+change_vote",
            "report": report.as_uri(),
        }
        yield SimpleNamespace(
            folder=folder, address=address, browser=browser, run=place, pages=pages
        )


def grow(directory: RunDirectory, fields: dict[str, Any]) -> None:
    """Append a row to a run, as it would itself."""
    with directory.locked():
        directory._last_seal = read_rows(directory.path / "rounds.jsonl").seals[-1]
        directory.append(fields)


@pytest.fixture
def window(site: SimpleNamespace) -> Iterator[Watched]:
    watched = Watched(site.browser)
    yield watched
    watched.context.close()


@pytest.mark.parametrize("name", PAGES)
def test_a_page_loads_without_complaint_and_asks_for_nothing_elsewhere(
    site: SimpleNamespace, window: Watched, name: str
) -> None:
    page = window.open(site.pages[name])

    assert page.locator("h1").count() == 1
    broken = "[...document.images].filter(image => !image.naturalWidth).length"
    assert page.evaluate(broken) == 0
    assert window.complaints == []
    own = site.pages[name] if name == "report" else site.address
    assert [url for url in window.asked if not url.startswith((own, "data:"))] == []


@pytest.mark.parametrize("name", ["runs", "run", "compare", "report"])
def test_axe_finds_nothing_serious_dark_or_light_narrow_or_wide(
    site: SimpleNamespace, window: Watched, name: str
) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    page = window.open(site.pages[name])
    if name != "report":
        page.get_by_role("button", name="Pause updates").click()
    page.evaluate("document.querySelectorAll('details').forEach(part => part.open = true)")
    faults = []
    for scheme, width in product(("light", "dark"), (360, 2560)):
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size({"width": width, "height": 900})
        found = axe.run(page).response
        assert found["passes"]
        faults += [
            (scheme, width, one["id"], one["nodes"][0]["html"][:200])
            for one in found["violations"]
            if one["impact"] in ("serious", "critical")
        ]
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), width

    assert faults == []


def test_axe_sees_what_is_serious(window: Watched) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    window.page.set_content("<html><body><img src='data:,'><input></body></html>")

    found = axe.Axe().run(window.page).response["violations"]

    assert {"image-alt", "label", "html-has-lang"} <= {one["id"] for one in found}


@pytest.mark.parametrize("name", PAGES)
def test_the_keyboard_reaches_every_control(
    site: SimpleNamespace, window: Watched, name: str
) -> None:
    page = window.open(site.pages[name])
    shown = f"[...document.querySelectorAll('{SEEN}')].filter(one => one.checkVisibility())"
    wanted = page.evaluate(f"window.wanted = {shown}; window.wanted.length")
    met = set()
    for _ in range(wanted + 1):
        page.keyboard.press("Tab")
        met.add(page.evaluate("window.wanted.indexOf(document.activeElement)"))

    assert wanted > 3
    assert met - {-1} == set(range(wanted))


def test_the_list_is_used_by_keyboard_alone(site: SimpleNamespace, window: Watched) -> None:
    page = window.open(site.address)
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "content"
    page.keyboard.press("Tab")
    page.keyboard.type("guarded")
    with page.expect_navigation():
        page.keyboard.press("Enter")
    assert names(page) == ["guarded-0", "guarded-1"]
    box = page.get_by_role("checkbox", name="Choose guarded-1")
    box.focus()
    page.keyboard.press("Space")
    assert box.is_checked()
    with page.expect_navigation():
        page.keyboard.press("Enter")
    assert page.url.startswith(f"{site.address}compare?run=")
    assert page.locator("#who-names summary").text_content() == "1 runs"


def test_an_address_shows_the_same_to_whoever_opens_it(
    site: SimpleNamespace, window: Watched
) -> None:
    page = window.open(f"{site.address}?q=-1")
    page.get_by_label("Group by").select_option("strategy.rule")
    page.get_by_role("button", name="Show").click()
    page.get_by_role("link", name="accuracy", exact=True).click()
    page.wait_for_url("**sort=accuracy**")
    chosen = names(page)
    assert chosen == ["guarded-1", "swap-1", "clean-1"]

    other = Watched(site.browser)
    assert names(other.open(page.url)) == chosen
    other.page.get_by_role("link", name="Compare all").click()
    assert other.page.locator("#who-names summary").text_content() == "3 runs"
    other.page.get_by_role("link", name="Choose others").click()
    assert names(other.page) == chosen
    other.context.close()


def test_a_page_follows_a_run(site: SimpleNamespace, window: Watched) -> None:
    listed, single = Watched(site.browser), window
    line = listed.open(site.address).locator("tr", has_text="growing")
    single.open(site.run["growing"])
    box = line.get_by_role("checkbox")
    box.check()
    single.page.locator("summary", has_text="as a table").click()
    grow(RunDirectory(site.folder / "growing"), row(2, 0.75))

    line.get_by_text("2/9").wait_for()
    single.page.get_by_text("75.00% (best 75.00%)").wait_for()

    assert box.is_checked()
    assert single.page.locator("#votes").get_attribute("open") is not None
    assert single.page.locator("#votes td:first-child", has_text="2").count() == 4
    assert listed.complaints == single.complaints == []
    listed.context.close()


def test_updates_can_be_paused(site: SimpleNamespace, window: Watched) -> None:
    page = window.open(site.address)
    pause = page.get_by_role("button", name="Pause updates")
    pause.press("Space")

    assert pause.get_attribute("aria-pressed") == "true"
    assert page.get_by_role("status").text_content() == "paused"
    page.reload()
    assert pause.get_attribute("aria-pressed") == "true"


def test_what_a_run_says_is_text(site: SimpleNamespace, window: Watched) -> None:
    for place in (site.address, site.run[EVIL], f"{site.address}compare"):
        page = window.open(place)
        assert page.evaluate("window.hostile") is None
        assert page.get_by_text(EVIL).count() > 0 or "compare" in place
    page = window.open(site.run[EVIL])
    assert page.locator("h1").text_content() == EVIL
    assert page.get_by_text(f"rejected: {AWAY}").count() == 1
    assert page.locator("img").count() == 0
    assert window.complaints == []
    assert all(url.startswith(site.address) for url in window.asked)


def test_another_name_of_this_machine_is_refused(site: SimpleNamespace) -> None:
    for host, status in (("evil.example", 400), ("127.0.0.1", 200)):
        answer = ask(site, host)
        assert answer == status


def ask(site: SimpleNamespace, host: str) -> int:
    context = site.browser.new_context()
    answer = context.request.get(site.address, headers={"Host": host})
    context.close()
    return answer.status


def names(page: Any) -> list[str]:
    return page.locator("table.runs tbody th[scope=row] bdi").all_text_contents()
