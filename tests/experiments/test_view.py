"""The pages of ``frl view``, called in this process: what they show, follow and refuse."""

from __future__ import annotations

import json
import os
import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import parse_qsl

import pytest
from starlette.applications import Starlette

from experiments.records import RunDirectory
from experiments.records.rows import read_rows
from experiments.report.view.app import view_app
from experiments.report.view.reading.index import Index
from experiments.report.view.selection import Selection
from frl.errors import InputError
from tests.experiments.viewed import get, row, write_run

ATTACK = {"attack__name": "half_swap", "attack__fraction": 0.2}


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    write_run(tmp_path / "clean", [0.2, 0.9])
    write_run(tmp_path / "swap", [0.2, 0.4], **ATTACK)
    write_run(tmp_path / "guarded" / "seed-0", [0.3, 0.8], strategy__rule="change_vote", **ATTACK)
    write_run(tmp_path / "growing", [0.1], rounds=3)
    return tmp_path


@pytest.fixture
def app(runs: Path) -> Starlette:
    return view_app(Index([runs]))


def names(page: str) -> list[str]:
    return re.findall(r'<th scope="row"><a href="/run/\w+"><bdi>([^<]*)</bdi>', page)


def address(app: Starlette, name: str) -> str:
    page = get(app, "/").text
    found = re.search(rf'<a href="(/run/\w+)"><bdi>{re.escape(name)}</bdi>', page)
    assert found
    return found[1]


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("", ["clean", "growing", "guarded/seed-0", "swap"]),
        ("q=GUARD", ["guarded/seed-0"]),
        ("state=running", ["growing"]),
        ("is.strategy.rule=change_vote", ["guarded/seed-0"]),
        ("is.attack.name=half_swap&is.strategy.rule=sum", ["swap"]),
        ("sort=accuracy", ["growing", "swap", "guarded/seed-0", "clean"]),
        ("sort=accuracy&order=desc", ["clean", "guarded/seed-0", "swap", "growing"]),
        ("sort=no+such+column", ["clean", "growing", "guarded/seed-0", "swap"]),
        ("group=attack.name", ["guarded/seed-0", "swap", "clean", "growing"]),
    ],
)
def test_runs_are_filtered_sorted_and_grouped(app: Starlette, query: str, shown: list[str]) -> None:
    assert names(get(app, f"/?{query}").text) == shown


def test_a_group_says_how_it_ended_and_which_was_the_worst(app: Starlette) -> None:
    page = get(app, "/?group=attack.name").text

    assert "attack.name = half_swap: 2 finished, mean 60.0%, worst 40.0% (swap)" in page
    assert "attack.name = none: 1 finished, mean 90.0%, worst 90.0% (clean)" in page


def test_an_address_holds_the_whole_choice() -> None:
    chosen = Selection("a&b", "running", (("data.alpha", "0.1"),), ("x", "y"), "best", True, "f", 3)

    assert Selection.of(parse_qsl(chosen.query())) == chosen
    assert Selection.of([("page", "-1"), ("page", "x")]) == Selection()


def test_a_page_follows_a_run_as_it_grows(app: Starlette, runs: Path) -> None:
    place = address(app, "growing")
    for page in ("/", place):
        tag = get(app, page).headers["etag"]
        assert get(app, page, If_None_Match=tag).status_code == 304
    listed, single = (get(app, page).headers["etag"] for page in ("/", place))

    directory = RunDirectory(runs / "growing")
    with directory.locked():
        directory._last_seal = _last_seal(directory)
        directory.append(row(2, 0.75))

    fresh = get(app, "/", If_None_Match=listed)
    assert fresh.status_code == 200
    assert "75.0 %" in fresh.text
    assert "75.00% (best 75.00%)" in get(app, place, If_None_Match=single).text


def _last_seal(directory: RunDirectory) -> str:
    return read_rows(directory.path / "rounds.jsonl").seals[-1]


def test_new_runs_come_and_deleted_ones_go(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("experiments.report.view.reading.index._LOOK_FOR_NEW", 0.0)
    index = Index([runs])
    before = index.version
    write_run(runs / "later", [0.5])
    assert "later" in [run.name for run in index.runs()]
    for file in (runs / "later").iterdir():
        file.unlink()
    assert "later" not in [run.name for run in index.runs()]
    assert index.version > before


def test_the_page_of_a_run_tells_what_became_of_every_client(app: Starlette) -> None:
    page = get(app, address(app, "swap")).text

    for mark in (
        "round 1, client 0, malicious: dropped by the rule, against, weight 0.01",
        "round 1, client 1, honest: weighed down, apart, weight 0.60",
        "round 1, client 2, honest: counted",
        "round 1, client 3, honest: rejected, late",
    ):
        assert f"<title>{mark}</title>" in page
    assert "Of votes of malicious clients: 2 dropped by the rule" in page
    assert "Mean weight of honest clients: 0.80 in round 1" in page
    assert "conv: 25 in round 1, 25 in round 2" in page
    for command in ("resume", "certify", "export"):
        assert f"<code>frl {command} " in page


def test_the_configuration_shows_what_differs_from_the_defaults(app: Starlette) -> None:
    page = get(app, address(app, "guarded/seed-0")).text
    table = page.split("What differs from the defaults</caption>")[1].split("</table>")[0]

    keys = re.findall(r'<th scope="row"><bdi>([^<]*)</bdi>', table)
    assert sorted(keys) == ["attack.fraction", "attack.name", "rounds", "strategy.rule"]


def test_rounds_as_csv(app: Starlette) -> None:
    lines = get(app, address(app, "clean") + "/rounds.csv").text.splitlines()

    assert lines[0].startswith("round,accuracy,loss,attack_success_rate")
    assert lines[2] == "2,0.9,1.5,,1.0,3,1000,2000,0.5,0.1,4,1,1"


@pytest.mark.parametrize(
    "damage", ['{"round": 7}', "no json", "[]", '{"round": 2, "accuracy": "<b>"}']
)
def test_damage_is_said_and_the_rest_shown(runs: Path, damage: str) -> None:
    with (runs / "growing" / "rounds.jsonl").open("a") as file:
        file.write(damage + "\n")
    app = view_app(Index([runs]))

    assert names(get(app, "/?state=damaged").text) == ["growing"]
    page = get(app, address(app, "growing")).text
    assert "line 2" in page
    assert "1 of 3" in page


def test_an_edited_record_is_known_on_its_page(app: Starlette, runs: Path) -> None:
    path = runs / "clean" / "rounds.jsonl"
    path.write_text(path.read_text().replace('"loss": 1.5', '"loss": 0.5'))

    assert "was changed: line 1" in get(app, address(app, "clean")).text


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "evil.example:80", "", "[::1]"]
)
def test_a_page_of_another_name_is_refused(app: Starlette, host: str) -> None:
    assert get(app, "/", Host=host).status_code == 400


def test_this_machine_is_answered_and_nothing_can_be_written(app: Starlette) -> None:
    for host in ("localhost:8765", "127.0.0.1:1"):
        assert get(app, "/", Host=host).status_code == 200
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        assert get(app, "/", method).status_code == 405


def test_every_answer_forbids_what_is_from_elsewhere(app: Starlette) -> None:
    for page in ("/", address(app, "clean"), "/static/style.css", "/no/such/page"):
        headers = get(app, page).headers
        assert headers["content-security-policy"].startswith("default-src 'self';")
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cross-origin-resource-policy"] == "same-origin"


@pytest.mark.parametrize(
    "page",
    [
        "/run/..%2f..%2fetc",
        "/run/%2e%2e",
        "{run}/file/..%2frounds.jsonl",
        "{run}/file/checkpoint",
        "{run}/file/%2fetc%2fpasswd",
        "/static/..%2fapp.py",
        "/static/%2e%2e/app.py",
    ],
)
def test_no_path_leads_out(app: Starlette, page: str) -> None:
    assert get(app, page.format(run=address(app, "clean"))).status_code == 404


def test_links_are_not_followed(runs: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    outside = tmp_path_factory.mktemp("outside")
    write_run(outside / "secret", [0.5])
    (runs / "link").symlink_to(outside / "secret", target_is_directory=True)
    (runs / "clean" / "log.txt").symlink_to(outside / "secret" / "config.toml")
    rows = runs / "swap" / "rounds.jsonl"
    rows.unlink()
    rows.symlink_to(outside / "secret" / "rounds.jsonl")
    app = view_app(Index([runs]))

    assert "link" not in names(get(app, "/").text)
    assert get(app, address(app, "clean") + "/file/log.txt").status_code == 404
    assert get(app, address(app, "clean") + "/file/config.toml").text.startswith("seed = 0")
    page = get(app, address(app, "swap")).text
    assert "rounds.jsonl: a link, which is not followed" in page
    assert get(app, address(app, "swap") + "/rounds.csv").text.count("\n") == 1


class _Tags(HTMLParser):
    """Counts tags and handlers of events."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.scripts, self.handlers = 0, 0
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.scripts += tag in ("script", "img", "iframe", "b")
        self.handlers += sum(name.startswith("on") for name, _ in attrs)


@pytest.mark.skipif(os.name == "nt", reason="such names cannot be there")
def test_hostile_names_are_text(tmp_path: Path) -> None:
    evil = '<script>alert(1)<script> "onload=x \u202egnp.\x1b[2J'
    directory = write_run(tmp_path / "evil" / evil, [0.5], rounds=2)
    config = directory.path / "config.toml"
    text = config.read_text().replace('"conv2"', "'<img src=x onerror=alert(1)>'")
    config.write_text(text.replace("[engine]", "[engine]\n'<b onclick=x>' = '<b>'"))
    with (directory.path / "rounds.jsonl").open("a") as file:
        bad = "<img src=x onerror=alert(2)>"
        strange = row(2, weights=[[1, 0.6, bad]], rejections=[[3, bad, bad]], churn={bad: 0.1})
        file.write(json.dumps(strange) + "\n")
    odd = os.fsencode(tmp_path) + b"/evil/\xff<b>"
    os.makedirs(odd)
    Path(os.fsdecode(odd), "config.toml").write_text("[data]\nname = 3\nname = 4\n")
    app = view_app(Index([tmp_path / "evil"]))
    plain = _Tags(get(app, "/?q=nothing").text)

    page = get(app, "/")
    assert page.status_code == 200
    assert (_Tags(page.text).scripts, _Tags(page.text).handlers) == (plain.scripts, 0)
    assert "\\u202e" in page.text
    assert "\x1b" not in page.text
    for place in re.findall(r'href="(/run/\w+)"', page.text):
        single = get(app, place)
        assert single.status_code == 200
        assert (_Tags(single.text).scripts, _Tags(single.text).handlers) == (plain.scripts, 0)


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no folder"):
        Index([tmp_path / "none"])
