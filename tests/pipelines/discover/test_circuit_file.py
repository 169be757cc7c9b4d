"""A circuit of EAP-IG or MIB where a run's circuit stands: made a run, judged, compared, exported."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from circuits.components import Wiring
from pipelines import open_run
from tests.circuits.circuit_files import write_circuit_file

Command = Callable[..., Any]
WIRING = Wiring(n_layers=2, n_heads=2, n_kv_heads=2)
CHOSEN = ("input->a0.h1<v>", "a0.h1->m1", "m1->logits", "input->logits", "a0.h0->logits")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return write_circuit_file(tmp_path / "theirs.json", WIRING, CHOSEN)


def run_of(circuits: Command, tiny: Any, file: Path, store: Path, *more: str) -> Any:
    given = ("--method", "circuit-file", "--set", f"file={file}", *more)
    answer = circuits(*tiny.arguments, *given, "--prompts", "6", "--runs", store, "--json")
    assert answer.exit_code == 0, answer.stderr
    return open_run(answer.json["run"], out=store)


def test_its_circuit_is_that_of_the_file_and_is_as_faithful_as_the_same_edges_chosen_here(
    circuits: Command, tiny: Any, file: Path, tmp_path: Path
):
    run = run_of(circuits, tiny, file, tmp_path)
    # No path leads from the input to a0.h0.
    assert sorted(item.name for item in run.circuit.edges) == sorted(CHOSEN[:-1])
    assert set(run.circuit.left_out) == {"a0.h0"}
    written = tmp_path / "ours.json"
    circuits("export", run.name, "--to", "mib", "--runs", tmp_path, "--out", written)
    again = run_of(circuits, tiny, written, tmp_path)
    assert again.faithfulness == run.faithfulness is not None
    assert [(item.name, item.score) for item in again.circuit.edges] == [
        (item.name, item.score) for item in run.circuit.edges
    ]


def test_it_is_judged_against_random_circuits_and_compared_with_a_run(
    circuits: Command, tiny: Any, file: Path, tmp_path: Path
):
    theirs = run_of(circuits, tiny, file, tmp_path).name
    amounts = ("--random", "2", "--knockouts", "2", "--resamples", "0")
    judged = circuits("evaluate", theirs, "--truth", file, *amounts, "--runs", tmp_path, "--json")
    assert judged.exit_code == 0, judged.stderr
    (row,) = judged.json["runs"]
    assert row["n_edges"] == 4
    assert row["random"]["n"] == 2
    assert row["auroc"]["match"]["recall"] == 0.5  # the file has a0.h0 as well
    own = circuits(*tiny.arguments, "--method", "eap", "--edges", "12", "--prompts", "6", "--runs", tmp_path, "--json")
    both = circuits("compare", theirs, own.json["run"], "--draws", "2", "--runs", tmp_path, "--json")
    assert both.exit_code == 0, both.stderr


def test_all_scores_are_read_where_the_whole_is_asked_for(circuits: Command, tiny: Any, file: Path, tmp_path: Path):
    run = run_of(circuits, tiny, file, tmp_path, "--set", "whole=true", "--edges", "20")
    said = json.loads(file.read_text())["edges"]
    assert run.scores.measured.all()
    assert run.scores.means.tolist() == pytest.approx([said[str(edge)]["score"] for edge in WIRING.edges], rel=1e-6)
    assert run.circuit.n_edges == 20


def test_the_file_itself_is_exported(circuits: Command, file: Path, tmp_path: Path):
    answer = circuits("export", file, "--to", "csv", "--out", "-")
    assert answer.exit_code == 0, answer.stderr
    assert len(answer.stdout.splitlines()) == 1 + 1 + 2 * 3 + 1 + WIRING.n_edges


def refusal(circuits: Command, *arguments: Any) -> str:
    answer = circuits(*arguments)
    assert answer.exit_code != 0
    return " ".join(answer.stderr.split())


def test_where_a_run_is_expected_it_says_how_to_make_one(circuits: Command, file: Path, tmp_path: Path):
    for command in ("evaluate", "compare"):
        more = (file, "--runs", tmp_path) if command == "evaluate" else (file, file, "--runs", tmp_path)
        assert f"--method circuit-file --set file={file}" in refusal(circuits, command, *more)


def test_faults_are_found_before_a_model_runs(circuits: Command, tiny: Any, tmp_path: Path):
    about = (*tiny.arguments, "--method", "circuit-file", "--runs", tmp_path)
    assert "none is given: --set file=CIRCUIT.json" in refusal(circuits, *about)
    assert "cannot read the circuit none.json" in refusal(circuits, *about, "--set", "file=none.json")
    empty = write_circuit_file(tmp_path / "empty.json", WIRING)
    assert "--set whole=true" in refusal(circuits, *about, "--set", f"file={empty}")
    other = write_circuit_file(tmp_path / "other.json", Wiring(3, 2, 2), ["input->logits"])
    assert "3 layers of 2 heads; the model has 2 layers of 2 heads" in refusal(
        circuits, *about, "--set", f"file={other}"
    )
