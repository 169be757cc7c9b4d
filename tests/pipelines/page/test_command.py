"""`circuits export RUN --to html`, from the run to the file."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from circuits import packaged
from circuits.packaged import fetched_file
from graphs.export import read_about
from graphs.export.page import file, library
from graphs.export.page.library import CYTOSCAPE
from pipelines import discover, export, open_run, trace
from pipelines.discover.run import DiscoverRun
from pipelines.page import library as fetching
from pipelines.trace.run import TraceRun
from tests.browser import Opened, browser

Command = Callable[..., Any]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("store")
    for task in ("ioi", "greater-than"):
        discover(task, prompts=12, method="eap", out=folder)
    trace("ioi", prompts=4, out=folder)
    return folder


@pytest.fixture(autouse=True)
def _library(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the library was not fetched, pages are written without it: nothing here asks a network."""
    if fetched_file(CYTOSCAPE) is None:
        monkeypatch.setattr(file, "library_script", lambda: "/* the library */")
        monkeypatch.setattr("pipelines.page.library.fetch_library", lambda **_: None)


def run_of(store: Path, start: str) -> DiscoverRun:
    (folder,) = store.glob(f"{start}*")
    run = open_run(folder)
    assert isinstance(run, DiscoverRun)
    return run


def data_in(page: bytes) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page.decode(), flags=re.DOTALL)
    assert found is not None
    return json.loads(found[1])


def test_a_page_has_what_the_run_measured(store):
    run = run_of(store, "ioi-eap")
    page = export(run.name, "html", out=store)
    data = data_in(page)
    (circuit,) = data["circuits"]
    assert (data["reference"], circuit["n_edges"], len(data["edges"]["source"])) == (
        run.name,
        run.circuit.n_edges,
        run.circuit.n_edges,
    )
    assert circuit["faithfulness"]["value"] == run.faithfulness
    assert data["about"]["command"].startswith("circuits discover ioi")
    # Prompts as the model sees them, in the order of the scores.
    assert len(circuit["prompts"]) == run.scores.n_prompts == circuit["effects"]["n_prompts"]
    first = circuit["prompts"][0]
    assert " ".join(first["clean"]).endswith("to")
    assert {"IO", "S1", "END"} <= set(first["roles"])
    assert len(first["clean"]) == len(first["corrupt"])
    # Every size that the search tried is on the curve, and parts of the circuit are there with their edges.
    tried = [search["tried"] for choice in run.summary["choice"]["choices"] for search in choice["searches"]]
    assert [[point[:2] for point in curve["points"]] for curve in circuit["curves"]] == tried
    names = [item.name for item in run.circuit.edges]
    assert circuit["measured"]
    from pipelines.discover.measured_parts import part_faithfulness

    for part in circuit["measured"]:
        known = part_faithfulness(run, frozenset(names[edge] for edge in part["edges"]))
        assert known is not None
        assert (part["value"], part["low"], part["high"]) == (known.value, known.low, known.high)


def test_the_same_run_gives_the_same_bytes_and_says_where_it_came_from(store):
    run = run_of(store, "ioi-eap")
    page = export(run.name, "html", out=store)
    assert export(run.folder, "html", out=store) == page
    assert read_about(page, source="page")["command"].startswith("circuits discover ioi")
    assert str(store).encode() not in page


def test_a_comparison_of_two_and_pages_of_several_runs(circuits: Command, store):
    a, b = run_of(store, "ioi-eap"), run_of(store, "greater-than-eap")
    circuits("compare", a.folder, b.folder, "--out", "both")
    for arguments in (("both",), (a.name, "--beside", b.name)):
        assert circuits("export", *arguments, "--runs", store, "--to", "html", "--out", "x.html").exit_code == 0
        data = data_in(Path("x.html").read_bytes())
        assert [circuit["label"] for circuit in data["circuits"]] == ["ioi", "greater-than"]
        assert [len(circuit["prompts"]) for circuit in data["circuits"]] == [a.scores.n_prompts, b.scores.n_prompts]
        has = [column["has"] for column in data["edges"]["circuits"]]
        shared = {item.name for item in a.circuit.edges} & {item.name for item in b.circuit.edges}
        assert sum(one and other for one, other in zip(*has, strict=True)) == len(shared)


def test_a_trace_has_its_recovery_rates(store):
    (run,) = (one for path in store.glob("*/trace.npz") if isinstance(one := open_run(path.parent), TraceRun))
    (circuit,) = data_in(export(run.name, "html", out=store))["circuits"]
    (table,) = circuit["traces"]
    rates = run.trace.ratio_of_means()
    of_mlps = [number for number, part in enumerate(run.trace.scores.components) if part.kind == "mlp"]
    (shown,) = [kind["values"] for kind in table["kinds"] if "MLP" in kind["name"]]
    assert shown == rates.values[:, of_mlps].T.tolist()


def test_readings_of_other_commands_are_shown_of_heads(circuits: Command, store):
    run = run_of(store, "ioi-eap")
    head = str(run.circuit.heads[0])
    for command in (("roles", run.folder), ("attention", "ioi", "--prompts", "12", "--heads", head)):
        assert circuits(*command, "--runs", store).exit_code == 0
    roles_folder, attention = (next(store.glob(f"*/{kind}.json")).parent.name for kind in ("roles", "attention"))
    answer = circuits(
        "export",
        run.name,
        "--runs",
        store,
        "--to",
        "html",
        "--with",
        roles_folder,
        "--with",
        attention,
        "--out",
        "x.html",
    )
    assert answer.exit_code == 0, answer.stderr
    data = data_in(Path("x.html").read_bytes())
    (circuit,) = data["circuits"]
    assert list(circuit["patterns"]) == [head]
    assert circuit["readings"][head]
    roles = json.loads((store / roles_folder / "roles.json").read_text())
    expected = {row["head"]: row["role"] for row in roles["heads"] if row["in_circuit"]}
    assert {node["name"]: node["role"] for node in data["nodes"] if node["kind"] == "head"} == expected
    other = run_of(store, "greater-than-eap")
    answer = circuits("export", other.name, "--runs", store, "--to", "html", "--with", roles_folder, "--out", "y.html")
    assert (answer.exit_code, Path("y.html").exists()) == (2, False)
    assert f"is of run {run.name}" in answer.stderr


def test_settings_of_paper_and_of_other_formats_are_refused(circuits: Command, store):
    run = run_of(store, "ioi-eap")
    for options, said in (
        (("--to", "html", "--size", "column"), "size: a page is as large as its window"),
        (("--to", "html", "--bundle", "layer"), "bundle: a page"),
        (("--to", "html", "--with", "nowhere"), "nowhere holds none of roles.json"),
        (("--to", "svg", "--with", "nowhere"), "format svg shows no readings"),
        (("--to", "svg", "--annotations", "nowhere"), "no annotations in nowhere"),
        (("--to", "svg", "--layers", "x"), "layers 'x': give the first and the last"),
    ):
        answer = circuits("export", run.name, "--runs", store, *options)
        assert answer.exit_code == 2
        assert said in answer.stderr


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with browser() as running:
        yield running


def test_the_command_on_the_page_draws_what_the_page_shows(circuits: Command, store, chromium, tmp_path):
    run = run_of(store, "ioi-eap")
    (tmp_path / "x.html").write_bytes(export(run.name, "html", out=store))
    page = Opened(chromium, tmp_path / "x.html")
    for settings in (
        {"top": 17},
        {"min_score": 0.5},
        {"heads_only": True},
        {"top": 9, "layers": [1, 3]},
        {"ports": ["v"]},
        {},
    ):
        page.page.evaluate("(given) => circuitPage.filter({...circuitPage.everything(), ...given})", settings)
        program, *command = shlex.split(page.page.inner_text("#command"))
        answer = circuits(*command, "--runs", store, "--out", "x.svg")
        assert (program, answer.exit_code) == ("circuits", 0), answer.stderr
        text, n = Path("x.svg").read_text(), len(page.shown())
        assert f"Shown: {n} of {run.circuit.n_edges} edges" in text or n == run.circuit.n_edges
    assert (page.faults, page.requests) == ([], [])
    page.close()


def test_the_library_is_fetched_once_and_a_failure_says_what_to_do(circuits: Command, store, tmp_path, monkeypatch):
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CIRCUITS_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    run = run_of(store, "ioi-eap")
    answer = circuits("export", run.name, "--runs", store, "--to", "html")
    assert answer.exit_code == 2
    assert "cannot fetch cytoscape.js 3.34.0, which draws pages, into" in answer.stderr
    assert "run `circuits fetch cytoscape` on another one" in answer.stderr
    assert not list(tmp_path.glob("*.html"))

    def downloaded(_: object, folder: Path) -> None:
        folder.mkdir()
        (folder / "other.whl").write_bytes(b"other")

    monkeypatch.setattr(packaged, "_download", downloaded)
    answer = circuits("fetch", "cytoscape")
    assert "other.whl is not the file that is pinned" in answer.stderr
    with pytest.raises(ValueError, match="circuits fetch cytoscape"):
        library.library_script()
    assert fetching.fetched_file(CYTOSCAPE) is None
