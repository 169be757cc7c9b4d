"""The rows are those of `circuits status`; what is damaged is shown as such; pages are made beside the answering."""

from __future__ import annotations

import json
import os
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from pipelines.engine.heartbeat import Heartbeat
from pipelines.engine.store import Store
from pipelines.reporting.run_states import state_words
from pipelines.runs.state import states_in
from tests.pipelines.view.served import page_with, plain_makers, serving, write_run

DAMAGED = {
    "empty": b"",
    "cut": b'{"format": "circuit-workbench-run", "ver',
    "list": b"[]",
    "deep": b"[" * 100_000,
    "newer": b'{"format": "circuit-workbench-run", "version": 99}',
    "binary": bytes(range(256)),
    "twice": b'{"version": 1, "version": 1}',
}


def test_rows_are_those_of_status(tmp_path: Path):
    for number in range(3):
        write_run(tmp_path, f"ioi-eap-{number}", edges=10 * number + 1, is_finished=number != 1)
    states, _ = states_in(tmp_path)
    with serving(tmp_path) as server, Heartbeat([Store(tmp_path)]) as heartbeat:
        rows = server.runs()
        assert [{name: row[name] for name in state} for row, state in zip(rows, states, strict=True)] == states
        assert [row["words"] for row in rows] == [state_words(state) for state in states]
        assert [row["edges"] for row in rows] == [1, None, 21]
        assert rows[1]["continue"].startswith("circuits discover --config ")
        heartbeat.beat("run ioi-eap-1", 0.5, 30.0)
        now = server.get("/progress.json").json
        assert list(now["running"]) == ["ioi-eap-1"]
        assert now["running"]["ioi-eap-1"]["words"].startswith("running, 50%")
        heartbeat.beat("study of steps", 0.5, None)
        now = server.get("/progress.json").json
        assert (now["running"], now["others"]) == ({}, ["study of steps, 50%"])


@pytest.mark.parametrize("how", DAMAGED)
def test_a_damaged_run_is_shown_as_such(tmp_path: Path, how: str):
    write_run(tmp_path, "ioi-eap-1")
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "run.json").write_bytes(DAMAGED[how])
    with serving(tmp_path) as server:
        rows = {row["folder"]: row for row in server.runs()}
        assert {name: row["kind"] for name, row in rows.items()} == {"ioi-eap-1": "finished", "bad": "damaged"}
        assert rows["bad"]["words"]
        assert server.get("/run/bad").status == 200
        assert server.get("/compare.json?a=bad&b=ioi-eap-1").status == 422


@pytest.mark.parametrize("name", ["run.json", "summary.json"])
def test_a_pipe_in_place_of_a_file_holds_nothing_up(tmp_path: Path, name: str):
    folder = write_run(tmp_path, "ioi-eap-1")
    (folder / name).unlink()
    os.mkfifo(folder / name)
    write_run(tmp_path, "ioi-eap-2")
    with serving(tmp_path) as server:
        assert {row["folder"] for row in server.runs()} == {"ioi-eap-1", "ioi-eap-2"}


@pytest.mark.parametrize(
    "config",
    [
        {"task": "", "prompts": "many"},
        {"edges": [1], "tolerance": "x", "selection": 3},
        {"settings": {"a": {"b": None}}, "task": "../../x"},
        {"task": "a\0b", "model": "\0"},
        {"method": "<b>", "edges": -1, "threshold": 1e308},
    ],
)
def test_a_record_with_strange_settings_stops_nothing(tmp_path: Path, config: dict[str, Any]):
    write_run(tmp_path, "odd")
    record = json.loads((tmp_path / "odd" / "run.json").read_text())
    record["config"] |= config
    record["command"] = "..\0/x"
    (tmp_path / "odd" / "run.json").write_text(json.dumps(record))
    write_run(tmp_path, "ioi-eap-2")
    with serving(tmp_path) as server:
        assert {row["folder"] for row in server.runs()} == {"odd", "ioi-eap-2"}


def test_names_of_any_bytes_can_be_opened(tmp_path: Path):
    for name in ("a\"<&' b", "ü ä%2f", "#?&=+", os.fsdecode(b"\xff\xfe")):
        write_run(tmp_path, name)
    with serving(tmp_path) as server:
        for row in server.runs():
            from urllib.parse import quote_from_bytes

            answer = server.get(f"/run/{quote_from_bytes(os.fsencode(row['folder']), safe='')}")
            assert answer.status == 200, row["folder"]


def test_what_changes_is_seen_and_a_run_that_goes_is_gone(tmp_path: Path):
    write_run(tmp_path, "ioi-eap-1", is_finished=False)
    with serving(tmp_path) as server:
        assert [row["kind"] for row in server.runs()] == ["interrupted"]
        write_run(tmp_path, "ioi-eap-1")
        write_run(tmp_path, "ioi-eap-2")
        assert soon(lambda: [row["kind"] for row in server.runs()] == ["finished", "finished"])
        (tmp_path / "ioi-eap-2" / "run.json").unlink()
        assert soon(lambda: [row["folder"] for row in server.runs()] == ["ioi-eap-1"])


def soon(is_so: Any) -> bool:
    return any(is_so() or time.sleep(0.1) for _ in range(100))


def test_the_page_of_a_run_is_made_once_and_anew_when_the_run_changes(tmp_path: Path):
    folder, made = write_run(tmp_path, "ioi-eap-1"), []

    def make(of: Path) -> bytes:
        made.append(of.name)
        return page_with(str(len(made)))

    with serving(tmp_path, plain_makers(run=make)) as server:
        first = server.get("/run/ioi-eap-1")
        assert server.get("/run/ioi-eap-1").body == first.body == page_with("1")
        assert server.get("/run/ioi-eap-1", If_None_Match=first.headers["Etag"]).status == 304
        record = json.loads((folder / "run.json").read_text())
        (folder / "run.json").write_text(json.dumps(record | {"files": {"graph.json": "1"}}))
        assert server.get("/run/ioi-eap-1").body == page_with("2")
        assert server.get("/run/ioi-eap-1").headers["Content-Security-Policy"] == "default-src 'none'; sandbox"


def test_two_who_ask_for_one_page_wait_for_one(tmp_path: Path):
    write_run(tmp_path, "ioi-eap-1")
    made, begins = [], threading.Event()

    def make(of: Path) -> bytes:
        made.append(of.name)
        begins.wait(10)
        return page_with("slow")

    with serving(tmp_path, plain_makers(run=make)) as server:
        answers: list[bytes] = []
        asking = [threading.Thread(target=lambda: answers.append(server.get("/run/ioi-eap-1").body)) for _ in range(3)]
        for thread in asking:
            thread.start()
        assert soon(lambda: made)
        # The page is not made yet, and everything else is answered.
        assert server.get("/progress.json").status == 200
        assert server.get("/runs.json").status == 200
        begins.set()
        for thread in asking:
            thread.join(10)
        assert (answers, made) == ([page_with("slow")] * 3, ["ioi-eap-1"])


def test_a_page_that_computes_holds_up_no_progress(tmp_path: Path):
    write_run(tmp_path, "ioi-eap-1")
    begun, ends = threading.Event(), threading.Event()

    def make(_: Path) -> bytes:
        begun.set()
        while not ends.is_set():
            sum(range(1000))
        return page_with("done")

    with serving(tmp_path, plain_makers(run=make)) as server:
        asking = threading.Thread(target=server.get, args=("/run/ioi-eap-1",))
        asking.start()
        assert begun.wait(10)
        try:
            assert [server.get("/progress.json").status for _ in range(5)] == [200] * 5
        finally:
            ends.set()
            asking.join(10)


@pytest.mark.parametrize("error", [ValueError("graph.json is <b>damaged</b>"), KeyError("nodes"), RecursionError()])
def test_a_page_that_cannot_be_made_says_why_and_is_tried_again(tmp_path: Path, error: Exception):
    write_run(tmp_path, "ioi-eap-1")
    answers = iter([error, page_with("now")])

    def make(_: Path) -> bytes:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    with serving(tmp_path, plain_makers(run=make)) as server:
        first = server.get("/run/ioi-eap-1")
        assert first.status == (422 if isinstance(error, ValueError) else 500)
        assert b"<b>" not in first.body
        assert type(error).__name__.encode() in first.body or b"damaged" in first.body
        assert server.get("/run/ioi-eap-1").body == page_with("now")


def require_same_counts(found: dict[str, Any], words: str) -> None:
    """What is listed is what is counted."""
    counts, listed = found["levels"][words], {of: len(names) for of, names in found["nodes"].items()}
    assert found["nodes_are"] == words
    assert counts["n_shared"] == listed["shared"] > 0
    assert (counts["n_a"], counts["n_b"]) == tuple(listed["shared"] + listed[of] for of in ("only_a", "only_b"))


def test_two_runs_are_compared_by_what_they_stored(two_runs: Path):
    with serving(two_runs) as server:
        a, b = (row["folder"] for row in server.runs())
        found = server.get(f"/compare.json?a={a}&b={b}").json
        from graphs import compare
        from pipelines import open_run

        expected = compare(open_run(two_runs / a).circuit, open_run(two_runs / b).circuit)
        assert found["levels"]["edges"]["n_shared"] == len(
            [name for name, member in expected.edge_membership().items() if member == "shared"]
        )
        assert found["levels"]["edges"]["iou"] == expected.reuse.edges.iou
        assert found["nodes"]["only_b"] == [n for n, member in expected.node_membership().items() if member == "only_b"]
        require_same_counts(found, "heads and MLPs")
        assert (found["stored"], found["transfer"], found["runs_circuits"]) == (None, [], True)
        assert found["command"].split()[:4] == ["circuits", "compare", a, b]
        assert server.get(f"/compare/page?a={a}&b={b}").body == page_with(f"pair by {found['command']}")


def test_a_circuit_of_heads_and_a_trace_are_compared_by_layer(two_runs: Path, tiny: Any, tmp_path: Path):
    import shutil

    from pipelines import trace

    store = tmp_path / "runs"
    shutil.copytree(two_runs, store)
    traced = trace(**tiny.settings(out=store)).folder.name
    (of_heads, *_) = (path.parent.name for path in two_runs.glob("*/run.json"))
    with serving(store) as server:
        found = server.get(f"/compare.json?a={of_heads}&b={traced}").json
        assert "edges" not in found["levels"]
        assert found["nodes_are"] == "attention and MLPs"
        assert not found["runs_circuits"]
        assert found["levels"][found["nodes_are"]]["n_a"] > 0
        assert server.get(f"/compare/page?a={of_heads}&b={traced}").status == 200


def test_a_stored_comparison_is_shown_with_its_transfer(two_runs: Path, tmp_path: Path):
    import shutil

    from pipelines import compare

    store = tmp_path / "runs"
    shutil.copytree(two_runs, store)
    names = sorted(path.parent.name for path in store.glob("*/run.json"))
    kept = compare(*names, out=store, draws=3)
    with serving(store) as server:
        server.runs()
        assert server.get("/runs.json").json["comparisons"] == [{"name": kept.folder.name, "runs": names}]
        for a, b in (names, names[::-1]):
            found = server.get(f"/compare.json?a={a}&b={b}").json
            assert found["stored"] == kept.folder.name
            assert len(found["transfer"]) == 4
            assert server.get(f"/compare/page?a={a}&b={b}").body == page_with(f"page of {kept.folder.name}")
        path = kept.folder / "summary.json"
        path.write_text(path.read_text().replace('"faithfulness": 0.', '"faithfulness": 1.', 1))
        refused = server.get(f"/compare.json?a={names[0]}&b={names[1]}")
        assert refused.status == 422
        assert b"does not match the hash" in refused.body
