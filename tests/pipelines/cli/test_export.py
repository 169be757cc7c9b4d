"""`circuits export` to places and of things where that cannot be: a clear error, and no half-written file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from circuits.components import Edge, Wiring
from graphs import CircuitGraph
from graphs.export import EXPORTS
from graphs.export.drawn import DrawnExport

Command = Callable[..., Any]
WIRING = Wiring(n_layers=2, n_heads=2, n_kv_heads=2)
# They list scores, of which a circuit in a file has none.
TABLES = ("csv", "parquet", "xlsx")


def written(folder: Path, *names: str) -> Path:
    circuit = CircuitGraph.from_edges(WIRING, map(Edge.parse, names))
    (folder / "circuit.json").write_bytes(EXPORTS["json"].to_bytes(circuit))
    return folder / "circuit.json"


@pytest.fixture
def circuit(tmp_path: Path) -> Path:
    return written(tmp_path, "input->a0.h0<v>", "a0.h0->logits")


def refusal(circuits: Command, *arguments: Any) -> str:
    answer = circuits("export", *arguments)
    assert answer.exit_code != 0
    assert "Traceback" not in answer.stderr
    return " ".join(answer.stderr.split())


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("to", ["graphml", "pdf"])
def test_an_unwritable_place_is_named_and_nothing_is_left_there(circuits: Command, circuit: Path, to: str):
    in_the_way = circuit.parent / "taken"
    in_the_way.mkdir()
    assert "taken" in refusal(circuits, circuit, "--to", to, "--out", in_the_way)
    assert "circuit.json" in refusal(circuits, circuit, "--to", to, "--out", circuit / f"x.{to}")
    assert names_in(circuit.parent) == ["circuit.json", "taken"]
    assert not names_in(in_the_way)


def test_a_folder_that_is_made_for_the_file_is_told(circuits: Command, circuit: Path):
    for out, said in (
        (circuit.parent / "new" / "deep" / "x.dot", True),
        (circuit.parent / "new" / "deep" / "y.dot", False),
    ):
        answer = circuits("export", circuit, "--to", "dot", "--out", out)
        assert (answer.exit_code, out.is_file()) == (0, True)
        assert (f"made the folder {out.parent}\n" in answer.stderr) == said
    quiet = circuits("export", circuit, "--to", "dot", "--out", circuit.parent / "other" / "x.dot", "--quiet")
    assert "made the folder" not in quiet.stderr


def test_a_file_is_not_replaced_by_its_own_export(circuits: Command, circuit: Path, monkeypatch: pytest.MonkeyPatch):
    before = circuit.read_bytes()
    monkeypatch.chdir(circuit.parent)
    assert "name another one with --out" in refusal(circuits, "circuit.json", "--to", "json")
    assert circuit.read_bytes() == before
    answer = circuits("export", "circuit.json", "--to", "mib")
    assert answer.stdout.split() == ["circuit.mib.json"]
    assert "Written: 2 edges, in the circuit or not. in_graph is true in 2 of them." in answer.stderr
    described = circuits("export", "circuit.json", "--to", "latex", "--caption")
    assert "Written: heads and MLPs (1), and all edges. Only as ends of edges: input, logits." in described.stderr


@pytest.mark.parametrize("to", EXPORTS)
def test_a_name_that_ends_like_another_format_is_refused_before_anything_is_read(
    circuits: Command, circuit: Path, to: str
):
    own = {EXPORTS[to].extension.rpartition(".")[2], *EXPORTS[to].also}
    for ending in {"svg", "pdf", "html", "xlsx", "JPG", "gexf"} - own:
        said = refusal(circuits, "no-such-run", "--to", to, "--out", f"circuit.{ending}")
        assert f"circuit.{ending} ends in .{ending.lower()}, and the format {to} is written: call it circuit." in said
    assert names_in(Path()) == ["circuit.json"]
    for name in ("circuit", "circuit.v2", *(f"circuit.{ending}" for ending in own)):
        EXPORTS[to].require_ending(name)
    with pytest.raises(ValueError, match=r"ends in \.jpg"):
        EXPORTS[to].write(CircuitGraph.from_edges(WIRING, []), "circuit.jpg")


@pytest.mark.parametrize("to", [name for name in EXPORTS if name not in (*TABLES, "eps", "html")])
def test_an_empty_circuit_gives_a_file_or_a_reason(circuits: Command, tmp_path: Path, to: str):
    empty, out = written(tmp_path), tmp_path / "out"
    answer = circuits("export", empty, "--to", to, "--out", out)
    if answer.exit_code:
        assert "make no path from input to logits" in answer.stderr
        assert not out.exists()
    else:
        assert out.read_bytes() == EXPORTS[to].to_bytes(CircuitGraph.from_edges(WIRING, []))


def test_a_run_whose_circuit_is_empty_is_drawn_as_its_reason(circuits: Command, tiny: Any):
    run = circuits(*tiny.arguments, "--method", "exact-edges", "--set", "edges=[m1->logits]", "--json").json["run"]
    for to in [name for name, one in EXPORTS.items() if isinstance(one, DrawnExport)]:
        assert circuits("export", run, "--to", to, "--out", f"drawn.{to}").exit_code == 0
    assert "path from" in Path("drawn.svg").read_text()
    assert "empty, none of" in circuits("export", run, "--caption").stdout


@pytest.mark.parametrize("to", TABLES)
def test_a_table_of_a_circuit_without_scores_says_why_not(circuits: Command, circuit: Path, to: str):
    assert "lists every score measured" in refusal(circuits, circuit, "--to", to, "--out", circuit.parent / "out")
    assert names_in(circuit.parent) == ["circuit.json"]


def test_an_unknown_format_names_the_nearest(circuits: Command, circuit: Path):
    assert "Did you mean 'parquet'?" in refusal(circuits, circuit, "--to", "parqet")


@pytest.mark.parametrize("kept", [0, 1, 400])
def test_a_damaged_file_is_named(circuits: Command, circuit: Path, kept: int):
    circuit.write_bytes(circuit.read_bytes()[:kept])
    assert "circuit.json: not JSON, or cut short" in refusal(circuits, circuit, "--to", "pdf")


def test_a_damaged_run_is_named_with_what_restores_it(circuits: Command, tiny: Any, tmp_path: Path):
    run = circuits(*tiny.arguments, "--method", "eap", "--edges", "8", "--prompts", "4", "--runs", tmp_path, "--json")
    folder = tmp_path / run.json["run"]
    for name, to in (("graph.json", "pdf"), ("scores.npz", "parquet")):
        whole = (folder / name).read_bytes()
        (folder / name).write_bytes(whole[:-1])
        said = refusal(circuits, folder, "--to", to, "--out", tmp_path / "out")
        assert f"{name} is damaged" in said
        assert "circuits discover --config" in said
        assert not (tmp_path / "out").exists()
        (folder / name).write_bytes(whole)


@pytest.mark.parametrize("to", ["csv", "svg", "graphml", "json", "xlsx"])
def test_nothing_is_replaced_but_what_a_command_wrote(circuits: Command, tiny: Any, tmp_path: Path, to: str):
    run, out = (
        circuits(*tiny.arguments, "--method", "eap", "--edges", "8", "--json").json["run"],
        tmp_path / f"own.{to}",
    )
    own = b"clean,corrupt,answers,wrong_answers\nThe key is,The keys are, near, far\n"
    out.write_bytes(own)
    assert "would be lost. Take it away, or choose another file" in refusal(circuits, run, "--to", to, "--out", out)
    assert out.read_bytes() == own
    out.unlink()
    for _ in range(2):
        assert circuits("export", run, "--to", to, "--out", out).exit_code == 0


def test_a_report_replaces_nothing_of_a_folder_that_holds_none(circuits: Command, tiny: Any, tmp_path: Path):
    run = circuits(*tiny.arguments, "--method", "eap", "--edges", "8", "--json").json["run"]
    asked, own = ("report", run, "--to", "markdown", "--out", tmp_path / "mine"), tmp_path / "mine" / "report.md"
    for _ in range(2):
        assert circuits(*asked).exit_code == 0
    (tmp_path / "mine" / "about.json").unlink()
    own.write_text("what I noted by hand\n")
    assert "would be lost. Take it away, or choose another" in circuits(*asked).stderr
    assert own.read_text() == "what I noted by hand\n"
