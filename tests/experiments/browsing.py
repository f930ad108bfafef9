"""A headless Chromium before ``frl view``, which notes what pages ask for and complain of."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
PATIENCE = 300_000
"""Milliseconds after which a page counts as hanging: no measure of speed."""


def chromium() -> str:
    """Return where a Chromium is, or skip."""
    named = os.environ.get("FRL_CHROMIUM") or shutil.which("chromium") or shutil.which("chrome")
    if not named:
        pytest.skip("no chromium on the PATH, and FRL_CHROMIUM names none")
    return named


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """Start ``frl view`` over a folder; yields its address."""
    command = [sys.executable, "-m", "experiments.cli", "view", str(folder), "--port", "0"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None
        try:
            yield server.stdout.readline().split()[0]
        finally:
            server.terminate()


@contextmanager
def browsing() -> Iterator[Any]:
    """Start a browser that finds no other machine."""
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with api.sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=chromium(),
            args=["--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"],
        )
        yield browser
        browser.close()


class Watched:
    """A fresh window of a browser, with no cookie and nothing kept.

    Attributes
    ----------
    page : playwright.sync_api.Page
    asked : list of str
        Every address that the page asked for.
    complaints : list of str
        Errors of scripts, of the console, and requests that failed.
    """

    def __init__(self, browser: Any, scheme: str = "light", width: int = 1280) -> None:
        self.context = browser.new_context(
            color_scheme=scheme, viewport={"width": width, "height": 900}
        )
        self.context.set_default_timeout(PATIENCE)
        self.page = self.context.new_page()
        self.asked: list[str] = []
        self.complaints: list[str] = []
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", self._heard)
        self.page.on("response", self._answered)

    def _heard(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)

    def _answered(self, response: Any) -> None:
        if response.status >= 400:
            self.complaints.append(f"{response.status} {response.url}")

    def open(self, address: str) -> Any:
        """Load a page with all its pictures, and return it."""
        self.page.goto(address)
        self.page.evaluate(
            "Promise.all([...document.images].map(image => {"
            " image.loading = 'eager'; return image.decode().catch(() => null); }))"
        )
        return self.page
