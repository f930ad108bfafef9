"""The web application: pages, pictures and files of the runs in an index, for reading only."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from importlib.resources import files
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from experiments.report.view.compare_page import compare_page
from experiments.report.view.comparison import FORMATS, KINDS, TABLES, compared
from experiments.report.view.guard import Guard
from experiments.report.view.reading.growing_file import file_state, read_regular
from experiments.report.view.reading.index import Index
from experiments.report.view.reading.viewed_run import RUNNING, ViewedRun
from experiments.report.view.rendering import rendered
from experiments.report.view.round_table import round_table
from experiments.report.view.run_page import FILES, run_page
from experiments.report.view.runs_page import runs_page
from experiments.report.view.selection import Selection
from frl.errors import FRLError

HOSTS = ["127.0.0.1", "localhost"]
"""By which a browser may call it: a page of somebody else's name that leads here is refused."""
_SOON, _LATER, _SELDOM = 500, 2000, 10_000
"""Milliseconds between two looks of a page: while a run is under way, otherwise, at many runs."""


def view_app(index: Index) -> Starlette:
    """Put the application together."""
    pages = _Pages(index)
    static = StaticFiles(directory=str(files("experiments.report.view") / "static"))
    return Starlette(
        routes=[
            Route("/", pages.runs),
            Route("/run/{id}", pages.run),
            Route("/run/{id}/rounds.csv", pages.rounds),
            Route("/run/{id}/file/{name}", pages.file),
            Route("/compare", pages.compare),
            Route("/compare/picture/{kind}.{form}", pages.picture),
            Route("/compare/table/{table}.csv", pages.table),
            Route("/compare/curves.csv", pages.curves),
            Route("/compare/weights.csv", pages.weights),
            Mount("/static", static),
        ],
        middleware=[
            Middleware(TrustedHostMiddleware, allowed_hosts=HOSTS, www_redirect=False),
            Middleware(Guard),
        ],
    )


class _Pages:
    """Answers to requests; Starlette calls each in a thread."""

    def __init__(self, index: Index) -> None:
        self._index = index
        self._start = secrets.token_hex(4)

    def runs(self, request: Request) -> Response:
        runs = self._index.runs()
        selection = Selection.of(request.query_params.multi_items())
        states = [run.state for run in runs]
        seen = hash(tuple(states)) & 0xFFFFFFFF
        version = f"{self._start}-{self._index.version}-{seen:x}"
        return self._page(
            request, version, RUNNING in states, "runs.html", lambda: runs_page(runs, selection)
        )

    def run(self, request: Request) -> Response:
        run = self._found(request)
        if run is None:
            return _missing()
        until = request.query_params.get("until", "")
        last = int(until) if until.isascii() and until.isdigit() and len(until) < 9 else 0
        version = f"{self._start}-{run.id}-{run.version}-{run.state.replace(' ', '')}"
        return self._page(
            request, version, run.state == RUNNING, "run.html", lambda: run_page(run, last)
        )

    def rounds(self, request: Request) -> Response:
        run = self._found(request)
        if run is None:
            return _missing()
        return PlainTextResponse(round_table(run.path), media_type="text/csv")

    def file(self, request: Request) -> Response:
        run, name = self._found(request), request.path_params["name"]
        if run is None or name not in FILES or not file_state(run.path / name):
            return _missing()
        content = read_regular(run.path / name)
        kind = "image/png" if name.endswith(".png") else "text/plain"
        return Response(content, media_type=kind)

    def compare(self, request: Request) -> Response:
        runs, selection = self._chosen(request)
        rules = request.query_params.getlist("versus")[:2]
        seen = hash(tuple((run.id, run.version) for run in runs)) & 0xFFFFFFFF
        return self._page(
            request,
            f"{self._start}-{seen:x}",
            None,
            "compare.html",
            lambda: compare_page(runs, selection, rules),
        )

    def picture(self, request: Request) -> Response:
        kind, form = request.path_params["kind"], request.path_params["form"]
        if kind not in KINDS or form not in FORMATS:
            return _missing()
        return _answer(
            lambda: compared(self._chosen(request)[0]).picture(kind, form), FORMATS[form]
        )

    def table(self, request: Request) -> Response:
        name, rules = request.path_params["table"], request.query_params.getlist("versus")[:2]
        if name not in TABLES:
            return _missing()
        runs, _ = self._chosen(request)
        return _answer(lambda: compared(runs).csv(name, rules), "text/csv")

    def curves(self, request: Request) -> Response:
        runs, _ = self._chosen(request)
        return _answer(lambda: compared(runs).curves(), "text/csv")

    def weights(self, request: Request) -> Response:
        runs, _ = self._chosen(request)
        return _answer(lambda: compared(runs).weights(), "text/csv")

    def _chosen(self, request: Request) -> tuple[list[ViewedRun], Selection]:
        selection = Selection.of(request.query_params.multi_items())
        return selection.chosen(self._index.runs()), selection

    def _found(self, request: Request) -> ViewedRun | None:
        return self._index.run(request.path_params["id"])

    def _page(
        self, request: Request, version: str, live: bool | None, template: str, values: Any
    ) -> Response:
        """Render a page, unless the browser has it; ``live`` is None where it takes long."""
        tag = f'"{version}"'
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers={"ETag": tag})
        every = {True: _SOON, False: _LATER, None: _SELDOM}[live]
        here = template.partition(".")[0]
        text = rendered(template, version=version, every=every, here=here, **values())
        return HTMLResponse(text, headers={"ETag": tag})


def _answer(make: Callable[[], bytes | str], kind: str) -> Response:
    try:
        return Response(make(), media_type=kind)
    except FRLError as error:
        return PlainTextResponse(f"{error}\n", status_code=422)


def _missing() -> Response:
    return PlainTextResponse("There is no such page.\n", status_code=404)
