"""`circuits view` of hostile folders, and asked by hostile programs: it answers, gives nothing away, and goes on."""

from __future__ import annotations

import json
import logging
import os
import re
import socket
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from html import unescape
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote_from_bytes

from pipelines.cli.view import page_makers
from pipelines.runs.failure import FAILURE
from pipelines.runs.record import RECORD, SETTINGS
from tests.faults.names import NAMES
from tests.faults.sound import Sound
from tests.faults.stores import DAMAGES, REPLACED
from tests.faults.trial import Said, Trial
from tests.pipelines.view.served import Server, serving

KIND = "view"
_WAIT_S = 30
_SECRET = "secret of another folder"
_INSIDES = re.compile(rb"Traceback|object at 0x|<class '|\bNoneType\b")
# With what is in them, data too, and comments: nothing of that is markup.
_SCRIPTS = re.compile(rb"<script.*?</script>|<!--.*?-->", re.DOTALL)
_IDLE = 64  # connections that say nothing
_CLOSE = b"Connection: close"


class Reply(NamedTuple):
    """What came back. No status: nothing did, and the connection was closed."""

    status: int | None
    body: bytes
    is_json: bool


Ask = Callable[[Server], Sequence[Reply]]


def trials(sound: Sound) -> Iterator[Trial]:
    """All of them."""
    yield from _damaged(sound)
    yield from _named(sound)
    yield from _marked(sound)
    yield from _requests(sound)
    yield from _commands(sound)


def _damaged(sound: Sound) -> Iterator[Trial]:
    """Every file of a run damaged, or replaced by what is no file."""
    files = sorted(path.name for path in (sound.runs / sound.run).iterdir())
    changes: dict[str, Callable[[Path], object]] = {
        **{name: partial(_rewritten, damage) for name, damage in DAMAGES.items()},
        **{name: partial(_made_anew, make) for name, make in REPLACED.items()},
        "a link out of the folder": partial(_made_anew, lambda path: path.symlink_to("/etc/passwd")),
    }
    for file in files:
        for name, change in changes.items():

            def prepare(folder: Path, file: str = file, change: Callable[[Path], object] = change) -> None:
                sound.copy_runs(folder)
                change(folder / "runs" / sound.run / file)

            yield _trial(f"{file}: {name}", prepare, partial(all_pages, sound.run, sound.other))


def _rewritten(damage: Callable[[bytes], bytes], path: Path) -> None:
    path.write_bytes(damage(path.read_bytes()))


def _made_anew(make: Callable[[Path], object], path: Path) -> None:
    path.unlink()
    make(path)


def _named(sound: Sound) -> Iterator[Trial]:
    """Hostile names of folders, and hostile words in what a run was asked."""
    for what, name in NAMES.items():
        kept = os.fsdecode(name.encode("utf-8", "replace").replace(b"/", b"_").replace(b"\0", b"_")[:200] or b"renamed")

        def renamed(folder: Path, kept: str = kept) -> None:
            sound.copy_runs(folder)
            (folder / "runs" / sound.run).rename(folder / "runs" / kept)

        yield _trial(f"{what} as the folder of a run", renamed, partial(all_pages, kept, sound.other))
        for key in ("task", "model", "metric", "name"):

            def worded(folder: Path, key: str = key, name: str = name) -> None:
                sound.copy_runs(folder)
                record = folder / "runs" / sound.run / "run.json"
                content = json.loads(record.read_text())
                (content["config"] if key != "name" else content)[key] = name
                record.write_text(json.dumps(content))

            yield _trial(f"{what} as the {key} of a run", worded, partial(all_pages, sound.run, sound.other))


def _marked(sound: Sound) -> Iterator[Trial]:
    """A run that is not finished, with a hostile note of why."""
    for what, error in NAMES.items():

        def prepare(folder: Path, error: str = error) -> None:
            sound.copy_runs(folder)
            unfinish(folder / "runs" / sound.run)
            note = {"format": "circuit-workbench-failure", "version": 1, "error": error}
            (folder / "runs" / sound.run / FAILURE).write_text(json.dumps(note))

        yield _trial(f"{what} as why a run failed", prepare, partial(all_pages, sound.run, sound.other))


def unfinish(run: Path) -> None:
    """Make of a finished run one that was begun."""
    record = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps(record | {"files": {}}))
    for path in run.iterdir():
        if path.name not in (RECORD, SETTINGS):
            path.unlink()


_REFUSED = {
    "no HTTP": b"hello\r\n\r\n",
    "no words": b"\r\n\r\n",
    "zeros": bytes(1000) + b"\r\n\r\n",
    "a greeting of TLS": bytes.fromhex("160301020001000001fc0303") + bytes(64) + b"\r\n\r\n",
    "the preface of HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "version 9": b"GET / HTTP/9.9\r\nHost: {host}\r\n\r\n",
    "no host": b"GET / HTTP/1.1\r\n\r\n",
    "another host": b"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n",
    "two hosts": b"GET / HTTP/1.1\r\nHost: {host}\r\nHost: evil.example\r\n\r\n",
    "a host that is longer": b"GET / HTTP/1.1\r\nHost: {host}.evil.example\r\n\r\n",
    "a host with a name in it": b"GET / HTTP/1.1\r\nHost: evil@{host}\r\n\r\n",
    "a host without its port": b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    "a host of bytes": b"GET / HTTP/1.1\r\nHost: \xff\xfe\r\n\r\n",
    "a proxy": b"CONNECT evil.example:443 HTTP/1.1\r\nHost: {host}\r\n\r\n",
    "another address": b"GET http://evil.example/ HTTP/1.1\r\nHost: evil.example\r\n\r\n",
    "a socket": b"GET /socket HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
    "a header without end": b"GET / HTTP/1.1\r\nHost: {host}\r\nX: " + b"a" * 200_000 + b"\r\n\r\n",
    "ten thousand headers": b"GET / HTTP/1.1\r\nHost: {host}\r\n" + b"X: y\r\n" * 20_000 + b"\r\n",
    "a long address": b"GET /" + b"a" * 200_000 + b" HTTP/1.1\r\nHost: {host}\r\n\r\n",
    "a body": b"POST / HTTP/1.1\r\nHost: {host}\r\nContent-Length: 3\r\n\r\na=1",
    "a huge body": b"POST / HTTP/1.1\r\nHost: {host}\r\nContent-Length: 99999999999999\r\n\r\n",
    "a body of less than nothing": b"POST / HTTP/1.1\r\nHost: {host}\r\nContent-Length: -1\r\n\r\n",
    "two lengths": b"POST / HTTP/1.1\r\nHost: {host}\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
    "two requests in one": b"POST / HTTP/1.1\r\nHost: {host}\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"0\r\n\r\n",
    "chunks of nonsense": b"POST / HTTP/1.1\r\nHost: {host}\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n\r\n",
    "deletion": b"DELETE /run/{run} HTTP/1.1\r\nHost: {host}\r\n\r\n",
    "an unknown method": b"HACK / HTTP/1.1\r\nHost: {host}\r\n\r\n",
}
_PATHS_REFUSED = {
    "the folder above": b"/run/..",
    "the folder above, escaped": b"/run/%2e%2e%2fsecret.txt",
    "the folder above, escaped twice": b"/run/%252e%252e%252fsecret.txt",
    "the folder above, of Windows": b"/run/..%5c..%5csecret.txt",
    "the folder above, too long": b"/run/..%c0%afsecret.txt",
    "an absolute path": b"/run/%2fetc%2fpasswd",
    "an asset that is code": b"/assets/..%2fhandlers.py",
    "a zero": b"/run/{run}%00",
    "half an escape": b"/run/%",
    "an escape of nothing": b"/run/%zz",
    "no text": b"/run/%ff%fe",
    "a header": b"/run/x%0d%0aSet-Cookie:%20a=b",
    "a script": b"/run/%3Cscript%3Ealert(1)%3C/script%3E",
    "a pattern": b"/run/*",
    "a template": b"/run/%7B%7B7*7%7D%7D",
    "a name of 5,000 characters": b"/run/" + b"a" * 5000,
    "the jobs": b"/run/jobs",
    "nothing to compare": b"/compare.json",
    "one to compare": b"/compare.json?a={run}",
    "no runs to compare": b"/compare.json?a=..%2fother&b={run}",
    "a list to compare": b"/compare.json?a[]={run}&b[]={run}",
    "no run": b"/run.json",
    "an empty run": b"/run.json?run=",
}
_PATHS_TAKEN = {
    "a query that nobody asked for": b"/?a=%00%ff&b=" + b"c" * 5000,
    "a run with itself": b"/compare.json?a={run}&b={run}",
    "the same run twice": b"/run.json?run={run}&run={run}",
    "a part of an address": b"/#%00",
    "ranges": b"/runs.json HTTP/1.1\r\nRange: bytes=99999-1,-5",
}


def _requests(sound: Sound) -> Iterator[Trial]:
    """Requests that no browser sends."""
    for kind, requests, expects in (
        ("request", _REFUSED, "refused"),
        ("address", {name: _get(path) for name, path in _PATHS_REFUSED.items()}, "refused"),
        ("address", {name: _get(path) for name, path in _PATHS_TAKEN.items()}, "either"),
    ):
        for what, request in requests.items():
            asked = request.replace(b"{run}", sound.run.encode())
            yield _trial(f"{kind}: {what}", sound.copy_runs, partial(_one, asked), expects=expects)
    silent = f"{_IDLE} connections that say nothing"
    yield _trial(silent, sound.copy_runs, partial(_among_silent, sound.run, b""))
    half = f"{_IDLE} requests that do not end"
    yield _trial(half, sound.copy_runs, partial(_among_silent, sound.run, b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX:"))


def _get(path: bytes) -> bytes:
    line = path if b" HTTP/1.1" in path else path + b" HTTP/1.1"
    return b"GET " + line + b"\r\nHost: {host}\r\n" + _CLOSE + b"\r\n\r\n"


def _commands(sound: Sound) -> Iterator[Trial]:
    """Folders that are none, and ports that cannot be had."""
    places: dict[str, Callable[[Path], object]] = {
        "a pipe": os.mkfifo,
        "a file": Path.touch,
        "a device": lambda path: path.symlink_to("/dev/null"),
        "a link to nowhere": lambda path: path.symlink_to("nowhere"),
        "a link in a circle": lambda path: path.symlink_to(path),
        "nothing": lambda path: None,
    }
    for what, make in places.items():
        given = ["view", "place"]
        yield Trial(KIND, f"{what} as the folder", given, lambda folder, make=make: make(folder / "place"), ("place",))
    for port in ("1000000", "-1", str(_TAKEN.getsockname()[1])):
        given = ["view", "runs", "--port", port]
        what = "a port that another program has" if port not in ("1000000", "-1") else f"port {port}"
        yield Trial(KIND, what, given, sound.copy_runs, (port,))


def all_pages(a: str, b: str, server: Server) -> list[Reply]:
    """Every page that tells of a run, or of it and another one."""
    first, second = (quote_from_bytes(os.fsencode(name), safe="") for name in (a, b))
    pair = f"a={first}&b={second}"
    paths = ("/", "/runs.json", "/progress.json", f"/run/{first}", f"/run.json?run={first}")
    paths += (f"/compare?{pair}", f"/compare.json?{pair}", f"/compare/page?{pair}")
    server.runs()
    return [_asked(server, _get(path.encode())) for path in paths]


def _one(request: bytes, server: Server) -> list[Reply]:
    return [_asked(server, request)]


def _among_silent(run: str, said: bytes, server: Server) -> list[Reply]:
    """A page of a run, while many connections are open."""
    others = [socket.create_connection(("127.0.0.1", server.port), _WAIT_S) for _ in range(_IDLE)]
    try:
        for other in others:
            other.sendall(said)
        return [_asked(server, _get(f"/run.json?run={run}".encode()))]
    finally:
        for other in others:
            other.close()


def _asked(server: Server, request: bytes) -> Reply:
    """What comes back for bytes."""
    request = request.replace(b"{host}", f"127.0.0.1:{server.port}".encode())
    came = b""
    with socket.create_connection(("127.0.0.1", server.port), _WAIT_S) as connection:
        try:
            connection.sendall(request)
            if _CLOSE not in request:  # a server that waits for more is told that nothing follows
                connection.shutdown(socket.SHUT_WR)
            while part := connection.recv(1 << 16):
                came += part
        except ConnectionError:
            return Reply(None, b"", is_json=False)
    head, _, body = came.partition(b"\r\n\r\n")
    words = head.split(b" ", 2)
    is_json = b"application/json" in head
    return Reply(int(words[1]) if len(words) > 1 else None, body, is_json)


class _Heard(logging.Handler):
    """What the server says to whoever started it."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


def _watched(ask: Ask) -> Said:
    """What a server said to requests, as a command says it."""
    heard, log = _Heard(), logging.getLogger("pipelines.view")
    log.addHandler(heard)
    try:
        with serving(Path("runs"), page_makers()) as server:
            replies = ask(server)
            goes_on = server.get("/progress.json").status == 200
    finally:
        log.removeHandler(heard)
    crash = next(filter(None, map(_wrong, replies)), "") or "; ".join(heard.lines)
    if not goes_on:
        crash = "it answers no more"
    refused = [reply for reply in replies if reply.status != 200]
    said = "".join(f"error: {_words(reply)}\n" for reply in refused)
    return Said(2 if refused else 0, said, crash)


def _wrong(reply: Reply) -> str:
    """What is wrong with a reply; empty where nothing is."""
    if reply.status is not None and reply.status >= 500:
        return f"status {reply.status}: {reply.body[:200]!r}"
    if inside := _INSIDES.search(reply.body):
        return f"a reply speaks of the code: {inside[0]!r}"
    if b"root:x:" in reply.body or _SECRET.encode() in reply.body:
        return "a reply has what is outside of the folder"
    if not reply.is_json and re.search(rb"<script|<img src=x", _SCRIPTS.sub(b"", reply.body)):
        return "a reply has a script of somebody else"
    if reply.is_json and reply.body:
        json.loads(
            reply.body, parse_constant=_refused
        )  # names of files that are no text are in it, as a browser takes them
    return ""


def _refused(constant: str) -> None:
    raise ValueError(f"{constant} is no number of JSON")


def _words(reply: Reply) -> str:
    """A reply as text."""
    if reply.status is None or not reply.body:
        return f"the request was refused with status {reply.status}"
    if reply.is_json:
        return str(json.loads(reply.body).get("error"))
    text = re.sub(r"<title>.*?</title>|<[^>]*>", " ", reply.body.decode("utf-8", "replace"))
    return " ".join(unescape(text).split())


def _trial(name: str, prepare: Callable[[Path], None], ask: Ask, *, expects: Any = "either") -> Trial:
    def with_secret(folder: Path) -> None:
        (folder / "secret.txt").write_text(_SECRET)
        prepare(folder)

    return Trial(KIND, name, ["view"], with_secret, expects=expects, does=partial(_watched, ask))


_TAKEN = socket.create_server(("127.0.0.1", 0))
