"""The server: 127.0.0.1 alone, until Ctrl-C or SIGTERM."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets

from pipelines.view.handlers import Makers, Viewer, application
from pipelines.view.listing import Listing
from pipelines.view.pages import Pages

_ADDRESS = "127.0.0.1"
_NAMES = (_ADDRESS, "localhost", "[::1]")
_CLOSES_S = 2
_MOST_BYTES = 2**16  # of a request: there is nothing to send


def serve(folder: Path, port: int, makers: Makers, *, started: Callable[[str], None]) -> None:
    """Show a folder of runs until Ctrl-C or SIGTERM. ValueError where the port cannot be listened at.

    port     0 takes a free one
    started  is told the address
    """
    asyncio.run(_serve(folder, port, makers, started))


async def _serve(folder: Path, port: int, makers: Makers, started: Callable[[str], None]) -> None:
    ends = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError):  # where a loop knows no signals, Ctrl-C ends it as it is
            loop.add_signal_handler(number, ends.set)
    async with listening(folder, port, makers) as address:
        started(address)
        await ends.wait()


@asynccontextmanager
async def listening(folder: Path, port: int, makers: Makers) -> AsyncIterator[str]:
    """The address of a server that answers while the loop runs, and is closed in the end."""
    sockets = _sockets(port)
    port = sockets[0].getsockname()[1]
    names = {f"{name}:{port}" for name in _NAMES}
    hosts = frozenset(names | set(_NAMES) if port == 80 else names)
    root = folder.resolve(strict=True)
    listing = Listing(root)
    listing.start()
    viewer = Viewer(root, hosts, listing, Pages(), makers)
    server = HTTPServer(application(viewer), max_body_size=_MOST_BYTES, max_header_size=_MOST_BYTES)
    server.add_sockets(sockets)
    try:
        yield f"http://{_ADDRESS}:{port}/"
    finally:
        server.stop()
        listing.stop()
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(server.close_all_connections(), _CLOSES_S)


def _sockets(port: int) -> list[socket.socket]:
    try:
        return bind_sockets(port, _ADDRESS)
    except OSError as error:
        raise ValueError(
            f"cannot listen at port {port}: {error.strerror or error}. Choose another one with --port; 0 takes a free "
            "one."
        ) from None
