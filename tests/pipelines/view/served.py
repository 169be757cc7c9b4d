"""Folders of runs written by hand, and a server that shows them."""

from __future__ import annotations

import asyncio
import hashlib
import http.client
import json
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from pipelines.view.handlers import Makers
from pipelines.view.server import listening

WAIT_S = 20
STRICT = "default-src 'none'; sandbox"


def write_run(root: Path, name: str, *, is_finished: bool = True, edges: int = 20, **config: Any) -> Path:
    """The files of a run that the index reads: one job, which is stored where the run is finished."""
    from pipelines.engine.result_file import Result
    from pipelines.engine.store import Store

    folder = root / name
    folder.mkdir(parents=True, exist_ok=True)
    faithfulness = config.pop("faithfulness", 0.9)
    key = hashlib.sha256(os.fsencode(name)).hexdigest()[:32]
    settings = {"task": "ioi", "model": "reference", "method": "eap", "edges": edges, **config}
    interval = [faithfulness - 0.1, faithfulness + 0.1]
    summary = {"faithfulness": faithfulness, "faithfulness_interval": interval, "circuit": {"n_edges": edges}}
    content = json.dumps(summary).encode()
    files = {"graph.json": "0", "summary.json": hashlib.sha256(content).hexdigest()} if is_finished else {}
    record = {"format": "circuit-workbench-run", "version": 1, "name": name, "config": settings, "files": files}
    record["jobs"] = [{"stage": "scores", "key": key, "label": "score prompts"}]
    (folder / "run.json").write_text(json.dumps(record))
    if is_finished:
        (folder / "summary.json").write_bytes(content)
        Store(root).write(key, "scores", Result({}))
    return folder


class Answered(NamedTuple):
    """What a server has answered."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Server(NamedTuple):
    """A server that runs in a thread."""

    port: int
    folder: Path

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def get(self, path: str, *, method: str = "GET", **headers: str) -> Answered:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=WAIT_S)
        try:
            connection.request(method, path, headers={key.replace("_", "-"): of for key, of in headers.items()})
            answer = connection.getresponse()
            return Answered(answer.status, answer.headers, answer.read())
        finally:
            connection.close()

    def runs(self) -> list[dict[str, Any]]:
        """The rows, once all are read."""
        for _ in range(WAIT_S * 20):
            found = self.get("/runs.json").json
            if not found["unread"] and found["version"]:
                return found["runs"]
            threading.Event().wait(0.05)
        raise AssertionError("the runs were not read in time")


def page_with(text: str) -> bytes:
    return f"<!DOCTYPE html><title>{text}</title>".encode()


def plain_makers(**made: Callable[..., Any]) -> Makers:
    """Pages that say what they are of."""
    from pipelines.cli.stored import read_comparison

    usual: dict[str, Any] = {
        "run": lambda folder: page_with(f"page of {folder.name}"),
        "pair": lambda comparison, command: page_with(f"pair by {command}"),
        "comparison": read_comparison,
        "policy": lambda: STRICT,
    }
    return Makers(**usual | made)


@contextmanager
def serving(folder: Path, makers: Makers | None = None) -> Iterator[Server]:
    """A server of a folder, in a thread, on a free port."""
    begun, ends, found = threading.Event(), asyncio.Event(), []

    async def run() -> None:
        async with listening(folder, 0, makers or plain_makers()) as address:
            found.extend([address, asyncio.get_running_loop()])
            begun.set()
            await ends.wait()

    thread = threading.Thread(target=asyncio.run, args=(run(),))
    thread.start()
    assert begun.wait(WAIT_S)
    address, loop = found
    try:
        yield Server(int(address.rstrip("/").rpartition(":")[2]), folder)
    finally:
        loop.call_soon_threadsafe(ends.set)
        thread.join(WAIT_S)
