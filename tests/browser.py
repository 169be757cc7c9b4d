"""A browser for tests of pages: Debian's Chromium with Playwright, which says what goes wrong on a page."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from circuits.packaged import fetched_file
from graphs.export.page.library import CYTOSCAPE

# The first is the same engine without windows, which takes less than half of the time.
_NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
CHROMIUM = next((found for found in map(shutil.which, _NAMES) if found), None)


class Windows:
    """The windows of a browser, which pages use one after the other: to open one takes longer than to load a page."""

    def __init__(self, running: Any) -> None:
        self._running = running
        self._free: list[Any] = []

    def page(self, *, width: int, height: int, dark: bool) -> Any:
        """An empty page of Playwright's, in a window of its own."""
        page = self._free.pop() if self._free else self._running.new_context(accept_downloads=True).new_page()
        page.set_viewport_size({"width": width, "height": height})
        page.emulate_media(color_scheme="dark" if dark else "light")
        return page

    def leave(self, page: Any) -> None:
        """Close what is on a page, for the next to come there."""
        page.mouse.move(0, 0)
        page.goto("about:blank")
        self._free.append(page)


@contextmanager
def windows() -> Iterator[Windows]:
    """A browser that shows nothing. Skips the tests where there is none."""
    playwright = pytest.importorskip("playwright.sync_api", reason="no playwright to open pages with")
    if CHROMIUM is None:
        pytest.skip("no chromium to open pages in")
    with playwright.sync_playwright() as started:
        running = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield Windows(running)
        running.close()


@contextmanager
def browser() -> Iterator[Windows]:
    """The same for pages that are drawn with a library. Skips the tests where that was not fetched."""
    if fetched_file(CYTOSCAPE) is None:
        pytest.skip("the library that draws pages was not fetched: circuits fetch cytoscape")
    with windows() as found:
        yield found


class Listening:
    """A page in a window, and what it says; `close()` leaves the window to the next page.

    page  Playwright's
    """

    def __init__(self, windows: Windows, *, width: int = 1280, height: int = 900, dark: bool = False) -> None:
        self._windows = windows
        self._listeners: list[tuple[str, Callable[[Any], object]]] = []
        self.page = windows.page(width=width, height=height, dark=dark)

    def listen(self, event: str, hear: Callable[[Any], object]) -> None:
        self._listeners.append((event, hear))
        self.page.on(event, hear)

    def close(self) -> None:
        for event, hear in self._listeners:
            self.page.remove_listener(event, hear)
        self._windows.leave(self.page)


class Opened(Listening):
    """A page that was written to a file, opened in a window.

    faults    errors, warnings, and what the page's policy refused
    requests  everything that it asked for, beside itself
    """

    def __init__(self, windows: Windows, file: Path, **window: Any) -> None:
        super().__init__(windows, **window)
        self.faults: list[str] = []
        self.requests: list[str] = []
        self.listen("console", self._hear)
        self.listen("pageerror", lambda error: self.faults.append(str(error)))
        self.listen("request", lambda request: self.requests.append(request.url))
        self.page.goto(file.as_uri())
        # Modules have run by the time that a page is loaded.
        assert self.page.evaluate("globalThis.circuitPage !== undefined"), self.faults
        self.requests = [url for url in self.requests if url not in (file.as_uri(), f"{file.as_uri()}#")]

    def _hear(self, said: Any) -> None:
        if said.type in ("error", "warning"):
            self.faults.append(said.text)

    def shown(self) -> list[str]:
        """Names of the edges shown."""
        return self.page.evaluate("circuitPage.shown.map((edge) => circuitPage.data.names[edge])")
