"""Routes of `circuits view`, and what every answer is guarded by.

/                       the runs; /runs.json, /progress.json
/run/NAME               the page of a finished run; of another one how far it is; /run.json?run=NAME
/compare?a=..&b=..      two circuits in numbers; /compare.json
/compare/page?a=..&b=.. both in one page
/assets/NAME            script and style of these pages
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Awaitable, Callable
from html import escape
from http.client import responses
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from tornado.web import Application, HTTPError, RequestHandler

from circuits.files import read_bytes
from circuits.visible_text import readable
from pipelines.compare.names import COMPARISON
from pipelines.runs.record import RECORD
from pipelines.view.inside import run_named
from pipelines.view.listing import Listing
from pipelines.view.pages import Pages, in_thread
from pipelines.view.pair import Pair, compared, stored

if TYPE_CHECKING:
    from graphs import Comparison

_LOG = logging.getLogger(__name__)
_OF_ALL = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cache-Control": "private, no-cache",
    "Server": "circuits view",
}
_OWN_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
_TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


class Makers(NamedTuple):
    """What makes pages that hold everything they show.

    run         the folder of a run, or of a comparison -> its page
    pair        two circuits compared, and the command that compares them -> their page
    comparison  the file of a comparison -> what it holds
    policy      the content security policy under which these pages work, and nothing else does
    """

    run: Callable[[Path], bytes]
    pair: Callable[[Comparison, str], bytes]
    comparison: Callable[[Path], Comparison]
    policy: Callable[[], str]


class Viewer(NamedTuple):
    """What is shown, to whom.

    root   the folder, without links in its path
    hosts  what a browser may call this server: another name was made to point here by someone else
    """

    root: Path
    hosts: frozenset[str]
    listing: Listing
    pages: Pages
    makers: Makers


class Guarded(RequestHandler):
    """Reads only, for pages that this server has sent."""

    SUPPORTED_METHODS = ("GET", "HEAD")
    viewer: Viewer

    def initialize(self, viewer: Viewer) -> None:
        self.viewer = viewer

    def set_default_headers(self) -> None:
        for name, value in _OF_ALL.items():
            self.set_header(name, value)
        self.set_header("Content-Security-Policy", _OWN_POLICY)

    def prepare(self) -> None:
        if self.request.host not in self.viewer.hosts:
            raise HTTPError(403, reason="Forbidden", log_message=self._of_hosts())

    def _of_hosts(self) -> str:
        address = min(self.viewer.hosts)
        return f"this server answers to http://{address} alone. Through a tunnel, use the same port on both sides."

    def head(self, *names: str) -> Awaitable[None] | None:
        return self.get(*names)

    def decode_argument(self, value: bytes, name: str | None = None) -> str:
        """Text in an address; names of files are any bytes."""
        return os.fsdecode(value)

    def folder_of(self, name: str) -> Path:
        """The folder of a run. 404 where there is none."""
        try:
            return run_named(name, self.viewer.root)
        except LookupError as error:
            raise HTTPError(404, log_message=error.args[0]) from None

    def two_runs(self) -> tuple[Path, Path]:
        """The folders of the runs `a` and `b` of the address."""
        return self.folder_of(self._named("a")), self.folder_of(self._named("b"))

    def _named(self, key: str) -> str:
        """The name of a run in the address. 400 where it has none."""
        name = self.get_argument(key, None, strip=False)
        if name is None:
            raise HTTPError(400, log_message=f"this address is told runs by their names, and lacks {key}=RUN.")
        return name

    def write_json(self, value: Any) -> None:
        self.set_header("Content-Type", "application/json; charset=utf-8")
        self.finish(json.dumps(value, allow_nan=False))

    async def write_page(self, content: str, make: Callable[[], bytes]) -> None:
        """A page that is made of what is stored, and kept by that content."""
        page = await self.viewer.pages.get(content, make)
        self.set_header("Content-Type", "text/html; charset=utf-8")
        self.set_header("Content-Security-Policy", self.viewer.makers.policy())
        self.finish(page)

    def write_error(self, status_code: int, **given: Any) -> None:
        error = given["exc_info"][1] if "exc_info" in given else None
        said = error.log_message if isinstance(error, HTTPError) else _said(error)
        self.set_header("Content-Security-Policy", _OWN_POLICY)
        if status_code == 405:
            self.set_header("Allow", "GET, HEAD")
        if self.request.path.endswith(".json"):
            self.write_json({"error": said or responses[status_code]})
            return
        self.set_header("Content-Type", "text/html; charset=utf-8")
        self.finish(_error_page(f"{status_code} {responses[status_code]}", said or ""))

    def log_exception(self, typ: Any, value: BaseException | None, tb: Any) -> None:
        if not isinstance(value, HTTPError | ValueError | OSError):
            _LOG.warning("a page could not be made: %s", _said(value), exc_info=value)

    def send_error(self, status_code: int = 500, **given: Any) -> None:
        """What is stored and cannot be shown is no error of the server."""
        error = given["exc_info"][1] if "exc_info" in given else None
        super().send_error(422 if isinstance(error, ValueError | OSError) else status_code, **given)


class Nothing(Guarded):
    """Every other address."""

    async def get(self) -> None:
        raise HTTPError(404, log_message="there is no such page.")


class Asset(Guarded):
    """A file of the server's own pages."""

    def initialize(self, viewer: Viewer, name: str | None = None) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        super().initialize(viewer)
        self._name = name

    async def get(self, *names: str) -> None:
        name = self._name or names[0]
        if name not in ASSETS:
            raise HTTPError(404, log_message="there is no such file.")
        self.set_header("Content-Type", f"{_TYPES[Path(name).suffix]}; charset=utf-8")
        self.finish(ASSETS[name])


class Rows(Guarded):
    """All runs and comparisons."""

    async def get(self) -> None:
        self.write_json(await in_thread(self.viewer.listing.rows))


class Progress(Guarded):
    """What is computed now."""

    async def get(self) -> None:
        self.write_json(await in_thread(self.viewer.listing.progress))


class OneRow(Guarded):
    """One run, as it is now."""

    async def get(self) -> None:
        folder = self.folder_of(self._named("run"))
        self.write_json(await in_thread(lambda: self.viewer.listing.row(folder.name, folder)))


class RunPage(Guarded):
    """A finished run as its page; any other by how far it is."""

    async def get(self, name: str) -> None:
        folder = self.folder_of(name)
        row = await in_thread(lambda: self.viewer.listing.row(name, folder))
        if not row["is_finished"]:
            self.set_header("Content-Type", "text/html; charset=utf-8")
            self.finish(ASSETS["run.html"])
            return
        await self.write_page(_content(folder / RECORD), lambda: self.viewer.makers.run(folder))


class ComparePair(Guarded):
    """Two circuits in numbers."""

    async def get(self) -> None:
        a, b = self.two_runs()
        listing = self.viewer.listing
        pair, name = await in_thread(lambda: _pair(self.viewer, a, b))
        rows = [await in_thread(lambda folder=folder: listing.row(folder.name, folder)) for folder in (a, b)]
        self.write_json({"runs": rows, "stored": name, **pair.facts()})


class PairPage(Guarded):
    """Two circuits in one page: the stored comparison, where there is one."""

    async def get(self) -> None:
        a, b = self.two_runs()
        viewer = self.viewer
        if (found := await in_thread(lambda: viewer.listing.pair_of(a.name, b.name))) is not None:
            await self.write_page(_content(found.folder / COMPARISON), lambda: viewer.makers.run(found.folder))
            return

        def make() -> bytes:
            pair = compared(a, b)
            return viewer.makers.pair(pair.comparison, pair.command)

        await self.write_page(_content(a / RECORD, b / RECORD), make)


def _pair(viewer: Viewer, a: Path, b: Path) -> tuple[Pair, str | None]:
    """Two runs compared, and the name of the comparison that the folder has of them; None where it has none."""
    if (found := viewer.listing.pair_of(a.name, b.name)) is None:
        return compared(a, b), None
    comparison = viewer.makers.comparison(found.folder / COMPARISON)
    first, second = (run_named(name, viewer.root) for name in found.runs)
    return stored(found.folder, comparison, first, second), found.folder.name


def _content(*paths: Path) -> str:
    """A hash of what files hold; the record of a run holds the hashes of all its files."""
    return hashlib.sha256(b"".join(hashlib.sha256(read_bytes(path)).digest() for path in paths)).hexdigest()


def _said(error: BaseException | None) -> str:
    return readable(str(error) if isinstance(error, ValueError | OSError) else f"{type(error).__name__}: {error}")


def _error_page(title: str, said: str) -> str:
    head = f'<meta charset="utf-8"><title>{escape(title)}</title><link rel="stylesheet" href="/assets/view.css">'
    body = f'<main><h1>{escape(title)}</h1><p class="problem">{escape(said)}</p><p><a href="/">All runs</a></p></main>'
    view = '<meta name="viewport" content="width=device-width, initial-scale=1">'
    return f'<!DOCTYPE html><html lang="en"><head>{head}{view}</head><body>{body}</body></html>'


ASSETS = {entry.name: entry.read_bytes() for entry in files("pipelines.view").joinpath("assets").iterdir()}


def application(viewer: Viewer) -> Application:
    """All routes."""
    of_all: dict[str, Any] = {"viewer": viewer}
    routes: list[Any] = [
        (r"/", Asset, of_all | {"name": "index.html"}),
        (r"/compare", Asset, of_all | {"name": "compare.html"}),
        (r"/assets/([a-z.]+)", Asset, of_all),
        (r"/runs\.json", Rows, of_all),
        (r"/progress\.json", Progress, of_all),
        (r"/run\.json", OneRow, of_all),
        (r"/run/([^/]+)", RunPage, of_all),
        (r"/compare\.json", ComparePair, of_all),
        (r"/compare/page", PairPage, of_all),
    ]
    return Application(
        routes,
        default_handler_class=Nothing,
        default_handler_args=of_all,
        log_function=lambda handler: None,
    )
