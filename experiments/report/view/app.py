"""The web application: pages, pictures and files of the runs in an index, for reading only."""

from __future__ import annotations

import secrets
from importlib.resources import files
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from experiments.report.view.guard import Guard
from experiments.report.view.reading.growing_file import file_state, read_regular
from experiments.report.view.reading.index import Index
from experiments.report.view.reading.viewed_run import RUNNING, ViewedRun
from experiments.report.view.rendering import rendered
from experiments.report.view.round_table import round_table
from experiments.report.view.run_page import FILES, run_page
from experiments.report.view.runs_page import runs_page
from experiments.report.view.selection import Selection

HOSTS = ["127.0.0.1", "localhost"]
"""By which a browser may call it: a page of somebody else's name that leads here is refused."""
_SOON, _LATER = 500, 2000
"""Milliseconds between two looks of a page: while a run is under way, and otherwise."""


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

    def _found(self, request: Request) -> ViewedRun | None:
        return self._index.run(request.path_params["id"])

    def _page(
        self, request: Request, version: str, live: bool, template: str, values: Any
    ) -> Response:
        tag = f'"{version}"'
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers={"ETag": tag})
        every = _SOON if live else _LATER
        here = template.partition(".")[0]
        text = rendered(template, version=version, every=every, here=here, **values())
        return HTMLResponse(text, headers={"ETag": tag})


def _missing() -> Response:
    return PlainTextResponse("There is no such page.\n", status_code=404)
