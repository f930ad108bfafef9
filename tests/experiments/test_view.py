"""The pages of ``frl view``, called in this process: what they show, follow and refuse."""

from __future__ import annotations

import json
import os
import re
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import parse_qsl

import pytest
from starlette.applications import Starlette
from typer.testing import CliRunner

from experiments.cli import app as cli
from experiments.records import RunDirectory, load
from experiments.records.rows import read_rows
from experiments.report.metrics import measure
from experiments.report.outcomes import outcomes, worst_cases
from experiments.report.tables import tables
from experiments.report.view.app import view_app
from experiments.report.view.reading.index import Index
from experiments.report.view.selection import Selection
from frl.errors import InputError
from tests.experiments.viewed import get, row, write_run

PICTURES = "accuracy", "worst", "heatmap", "breakdown", "detection"
ATTACK = {"attack__name": "half_swap", "attack__fraction": 0.2}


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("experiments.report.view.reading.viewed_run._SILENT", 1e9)


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    write_run(tmp_path / "clean", [0.2, 0.9])
    (tmp_path / "clean" / "notes.txt").write_text("not of the run")
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
    assert sorted(keys) == ["attack.fraction", "attack.name", "rounds"]


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
        "{run}/file/notes.txt",
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


def test_a_comparison_has_the_numbers_of_the_report(app: Starlette, runs: Path) -> None:
    page = unescape(get(app, "/compare").text)
    rows = outcomes(measure(load(runs)))

    for table in tables(rows, worst_cases(rows), [], None):
        assert table.title in page
        for cells in table.rows:
            line = "".join(f"<bdi>{cell}</bdi>" for cell in cells)
            assert line in re.sub(r"</?td[^>]*>", "", page)
    assert all(f"/compare/picture/{kind}.svg" in page for kind in PICTURES)
    assert "/compare/picture/backdoor.svg" not in page
    assert 'class="picture" loading="lazy"' in page


def test_rules_are_paired_and_numbers_downloaded(app: Starlette) -> None:
    versus = "versus=FRL+sum&versus=FRL+change_vote"

    assert "Final accuracy of FRL sum minus FRL change_vote" in get(app, f"/compare?{versus}").text
    compared = get(app, f"/compare/table/compare.csv?{versus}").text.splitlines()
    assert "-40.0" in compared[1]
    worst = get(app, "/compare/table/worst.csv").text.splitlines()
    assert [line.split(",")[1] for line in worst[1:]] == ["FRL change_vote", "FRL sum"]
    curves = get(app, "/compare/curves.csv?q=clean").text.splitlines()
    assert [line.split(",")[3] for line in curves] == ["accuracy", "0.2", "0.9"]
    weights = get(app, "/compare/weights.csv?q=swap").text.splitlines()
    assert weights[1].split(",")[1:] == ["1", "0", "0.01", "against", "True"]


def test_every_picture_has_its_numbers(app: Starlette) -> None:
    page = get(app, "/compare").text
    figures = re.findall(r"<figure>.*?</figure>", page, re.DOTALL)

    assert len(figures) == len(PICTURES)
    for figure in figures:
        (numbers,) = re.findall(r'<a href="(/compare/[^"]+\.csv\?[^"]*)">CSV</a>', figure)
        assert get(app, unescape(numbers)).text.count("\n") > 1


def test_pictures_in_every_format_and_their_errors(app: Starlette) -> None:
    begins = {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}
    for form, first in begins.items():
        assert get(app, f"/compare/picture/worst.{form}").content.startswith(first)
    assert get(app, "/compare/picture/backdoor.svg").status_code == 422
    assert get(app, "/compare/picture/shards.svg").status_code == 404
    assert get(app, "/compare/picture/worst.exe").status_code == 404
    assert get(app, "/compare/table/keys.csv").status_code == 404


def test_what_cannot_be_compared_is_said(app: Starlette, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "no run to compare" in get(app, "/compare?q=nothing+is+called+so").text
    monkeypatch.setattr("experiments.report.view.comparison.MOST", 2)
    assert "at most 2 are compared" in get(app, "/compare").text
    assert "No run is finished" in get(app, "/compare?q=growing").text


def test_a_report_is_one_file_that_asks_for_nothing(runs: Path, tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    done = CliRunner().invoke(cli, ["report", str(runs), "--html", str(file)])

    assert done.exit_code == 0, done.output
    page = file.read_text()
    assert "default-src 'none'" in page
    assert "<script" not in page
    sources = re.findall(r'(?:src|href)="([^"]{1,30})', page)
    assert {source.split(":")[0] for source in sources if not source.startswith("#")} == {"data"}
    assert page.count("data:image/svg+xml;base64,") == len(PICTURES)
    anchors = set(re.findall(r'href="#([^"]+)"', page))
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert anchors <= set(ids)
    assert len(ids) == len(set(ids))
    assert "3 finished, mean 70.0%, worst 40.0% (swap)" in page
    assert "round 1, client 0, malicious: dropped by the rule, against" in page
