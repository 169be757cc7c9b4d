"""Nothing but GET, nobody but this computer, nothing outside the folder, nothing that runs."""

from __future__ import annotations

import contextlib
import re
import socket
from collections.abc import Iterator
from http.client import BadStatusLine, HTTPResponse
from pathlib import Path

import pytest

from tests.pipelines.view.served import WAIT_S, Server, serving, write_run

ROUTES = ("/", "/runs.json", "/progress.json", "/run/ioi-eap-1", "/compare", "/assets/view.css", "/nothing", "/a/b/c")
SECRET = "secret of another folder"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A folder with one run, beside a file that is none of its business."""
    place = tmp_path_factory.mktemp("place")
    (place / "secret.txt").write_text(SECRET)
    (place / "other").mkdir()
    write_run(place / "other", "ioi-eap-2", task=SECRET)
    write_run(place / "runs", "ioi-eap-1")
    with serving(place / "runs") as server:
        server.runs()
        yield server


def raw(port: int, request: bytes) -> tuple[int, bytes]:
    """Status and body of the answer to bytes as they are."""
    with socket.create_connection(("127.0.0.1", port), timeout=WAIT_S) as connection:
        connection.sendall(request)
        answer = HTTPResponse(connection)
        answer.begin()
        return answer.status, answer.read()


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "MOVE"])
@pytest.mark.parametrize("path", ["/", "/run/ioi-eap-1", "/runs.json", "/nothing"])
def test_whatever_would_change_something_is_refused(served: Server, method: str, path: str):
    answer = served.get(path, method=method)
    assert answer.status == 405
    assert answer.headers["Allow"] == "GET, HEAD"


def test_a_request_with_a_body_is_refused_as_well(served: Server):
    request = f"POST / HTTP/1.1\r\nHost: 127.0.0.1:{served.port}\r\nContent-Length: 3\r\n\r\na=1"
    assert raw(served.port, request.encode())[0] == 405


@pytest.mark.parametrize("path", ROUTES[:6])
def test_head_has_the_headers_of_get_and_no_body(served: Server, path: str):
    got, head = served.get(path), served.get(path, method="HEAD")
    assert (head.status, head.body) == (200, b"")
    varying = {"Date"}
    assert {key: of for key, of in head.headers.items() if key not in varying} == {
        key: of for key, of in got.headers.items() if key not in varying
    }


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
def test_names_of_this_computer_are_answered(served: Server, host: str):
    assert served.get("/runs.json", Host=f"{host}:{served.port}").status == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:{}",
        "127.0.0.1",
        "localhost:1",
        "127.0.0.1.evil.example:{}",
        "127.0.0.1:{}@evil",
        "",
    ],
)
@pytest.mark.parametrize("path", ["/", "/runs.json", "/run/ioi-eap-1", "/nothing"])
def test_other_names_are_not_as_someone_else_made_them_point_here(served: Server, host: str, path: str):
    answer = served.get(path, Host=host.format(served.port))
    assert answer.status in (400, 403)
    assert b"ioi" not in answer.body


def test_no_host_at_all_and_two_of_them_are_refused(served: Server):
    assert raw(served.port, b"GET /runs.json HTTP/1.0\r\n\r\n")[0] in (400, 403)
    hosts = f"Host: 127.0.0.1:{served.port}\r\nHost: evil.example\r\n"
    assert raw(served.port, f"GET /runs.json HTTP/1.1\r\n{hosts}\r\n".encode())[0] in (400, 403)


@pytest.mark.parametrize("path", [*ROUTES, "/run/ioi-eap-9"])
def test_every_answer_has_its_guards(served: Server, path: str):
    headers = served.get(path).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert not [name for name in headers if name.lower().startswith("access-control")]


def test_own_pages_run_scripts_of_the_server_alone(served: Server):
    policy = served.get("/").headers["Content-Security-Policy"]
    assert "script-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    for page in ("/", "/compare"):
        text = served.get(page).body.decode()
        assert not re.search(r"<script(?![^>]* src=\"/assets/)", text)
        assert not re.search(r"\son\w+=|style=|<style", text)


TRAVERSALS = (
    "/../secret.txt",
    "/run/../secret.txt",
    "/run/../../secret.txt",
    "/run/..",
    "/run/.",
    "/run/",
    "/run/%2e%2e",
    "/run/%2e%2e%2fsecret.txt",
    "/run/..%2f..%2fsecret.txt",
    "/run/..%5c..%5csecret.txt",
    "/run/%252e%252e%252fsecret.txt",
    "/run/..%c0%afsecret.txt",
    "/run/ioi-eap-1%2f..%2f..%2fsecret.txt",
    "/run/ioi-eap-1%00",
    "/run/%00",
    "/run/..%2fother%2fioi-eap-2",
    "/run/%2fetc%2fpasswd",
    "/run/jobs",
    "/run/store.json",
    "/assets/../../../secret.txt",
    "/assets/..%2f..%2f..%2fsecret.txt",
    "/assets/%2e%2e%2fhandlers.py",
    "/assets//etc/passwd",
    "//etc/passwd",
    "/compare/page?a=..%2fother%2fioi-eap-2&b=ioi-eap-1",
    "/compare.json?a=..%2fother%2fioi-eap-2&b=ioi-eap-1",
    "/compare.json?a=ioi-eap-1",
    "/run.json?run=..%2fother%2fioi-eap-2",
    "/run.json?run=%00",
    "/run.json",
)


@pytest.mark.parametrize("path", TRAVERSALS)
def test_no_address_leads_out_of_the_folder(served: Server, path: str):
    status, body = raw(served.port, f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{served.port}\r\n\r\n".encode())
    assert status in (400, 404)
    assert SECRET.encode() not in body
    assert b"Traceback" not in body


def test_links_that_leave_the_folder_are_not_followed(tmp_path: Path):
    root, other = tmp_path / "runs", write_run(tmp_path / "other", "ioi-eap-2", task=SECRET)
    write_run(root, "ioi-eap-1")
    (root / "linked").symlink_to(other)
    mixed = write_run(root, "ioi-eap-3")
    (mixed / "graph.json").symlink_to(other / "run.json")
    (root / "gone").mkdir()
    (root / "gone" / "run.json").symlink_to(root / "nowhere.json")
    (root / "circle").symlink_to(root / "circle")
    with serving(root) as server:
        rows = {row["folder"]: row for row in server.runs()}
        assert "outside" in rows["linked"]["words"]
        assert "outside" in rows["ioi-eap-3"]["words"]
        assert rows["ioi-eap-1"]["kind"] == "finished"
        for path in ("/run/linked", "/run/ioi-eap-3", "/run.json?run=linked", "/compare.json?a=linked&b=ioi-eap-1"):
            answer = server.get(path)
            assert answer.status == 404
            assert SECRET.encode() not in answer.body
        assert SECRET not in str(rows)


def test_links_within_the_folder_are_followed(tmp_path: Path):
    write_run(tmp_path / "runs", "ioi-eap-1")
    (tmp_path / "runs" / "best").symlink_to(tmp_path / "runs" / "ioi-eap-1")
    with serving(tmp_path / "runs") as server:
        assert {row["folder"]: row["kind"] for row in server.runs()}["best"] == "finished"
        assert server.get("/run/best").status == 200


def test_a_huge_request_is_refused(served: Server):
    line = f"GET /?{'a' * 200_000} HTTP/1.1\r\nHost: 127.0.0.1:{served.port}\r\n\r\n".encode()
    with contextlib.suppress(OSError, BadStatusLine):  # it may hang up while the request is still being sent
        assert raw(served.port, line)[0] in (400, 414, 431)
    assert served.get("/").status == 200


def test_only_this_computer_can_connect(served: Server):
    addresses = {entry[4][0] for entry in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)}
    for address in addresses - {"127.0.0.1", "127.0.1.1"}:
        with pytest.raises(OSError, match=r"refused|unreachable|timed out"):
            socket.create_connection((address, served.port), timeout=1)
