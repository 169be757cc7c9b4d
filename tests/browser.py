"""A browser for tests of pages: Debian's Chromium with Playwright, which says what goes wrong on a page."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from circuits.packaged import fetched_file
from graphs.export.page.library import CYTOSCAPE

# The first is the same engine without windows, which takes less than half of the time.
_NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
CHROMIUM = next((found for found in map(shutil.which, _NAMES) if found), None)


@contextmanager
def browser() -> Iterator[Any]:
    """A browser without a window. Skips the tests where there is none, or no library that draws pages."""
    playwright = pytest.importorskip("playwright.sync_api", reason="no playwright to open pages with")
    if CHROMIUM is None:
        pytest.skip("no chromium to open pages in")
    if fetched_file(CYTOSCAPE) is None:
        pytest.skip("the library that draws pages was not fetched: circuits fetch cytoscape")
    with playwright.sync_playwright() as started:
        running = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield running
        running.close()


class Opened:
    """A page in a window of its own.

    page      Playwright's
    faults    errors, warnings, and what the page's policy refused
    requests  everything that it asked for, beside itself
    """

    def __init__(self, running: Any, file: Path, *, width: int = 1280, height: int = 900, dark: bool = False) -> None:
        self._context = running.new_context(
            viewport={"width": width, "height": height},
            color_scheme="dark" if dark else "light",
            accept_downloads=True,
        )
        self.page = self._context.new_page()
        self.faults: list[str] = []
        self.requests: list[str] = []
        self.page.on(
            "console", lambda said: self.faults.append(said.text) if said.type in ("error", "warning") else None
        )
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(file.as_uri())
        # Modules have run by the time that a page is loaded.
        assert self.page.evaluate("globalThis.circuitPage !== undefined"), self.faults
        self.requests = [url for url in self.requests if url not in (file.as_uri(), f"{file.as_uri()}#")]

    def shown(self) -> list[str]:
        """Names of the edges shown."""
        return self.page.evaluate("circuitPage.shown.map((edge) => circuitPage.data.names[edge])")

    def close(self) -> None:
        self._context.close()
