"""`circuits compare RUN published:NAME`: heads in common, by hand; other shapes refused; nothing is run."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from circuits.components import Edge, Wiring
from circuits.scores import EdgeScores, Provenance
from graphs import CircuitGraph
from pipelines import compare, compare_published
from pipelines.cli.main import app
from pipelines.discover.run import DiscoverRun
from pipelines.discover.settings import DiscoverSettings
from pipelines.runs.run import Run

IOI = "published:ioi-gpt2-small"
EDGES = ("input->a9.h9<q>", "a9.h9->logits", "input->a0.h1<v>", "a0.h1->logits", "input->a4.h4<v>", "a4.h4->logits")


def run_of(wiring: Wiring, names: tuple[str, ...], model: str = "gpt2", **summary: object) -> Run:
    """A run as far as its heads go."""
    run = object.__new__(DiscoverRun)
    graph = CircuitGraph.from_edges(wiring, map(Edge.parse, names))
    of_run = Provenance("eap", {}, "logit-difference", model, "0" * 64, "ioi", "0" * 64, scores_are="estimated")
    scores = EdgeScores(wiring, np.ones((1, wiring.n_edges)), np.ones(wiring.n_edges, dtype=np.bool_), of_run)
    kept = {"summary": {"model": model, **summary}, "config": DiscoverSettings(task="ioi", model=model)}
    run.__dict__.update(name="mine", folder=Path("mine"), circuit=graph, scores=scores, node_scores=None, **kept)
    return run


def test_heads_in_common_are_counted_by_hand(tmp_path):
    run = run_of(Wiring(12, 12, 12), EDGES)
    comparison = compare_published(run, IOI, out=tmp_path)
    (row,) = comparison.summary["overlaps"]
    assert (row["n_a"], row["n_b"], row["shared"]) == (3, 26, ["a0.h1", "a9.h9"])
    assert (row["iou"], row["of_a"], row["of_b"]) == (2 / 27, 2 / 3, 2 / 26)
    # One head is drawn in each of layers 0, 4 and 9, where the circuit has 2, 1 and 4 of 12.
    assert row["expected"] == pytest.approx((2 + 1 + 4) / 12)
    p_none, p_one = (10 / 12) * (11 / 12) * (8 / 12), 0.0
    for first, second, third in ((2, 11, 8), (10, 1, 8), (10, 11, 4)):
        p_one += first * second * third / 12**3
    assert row["p_value"] == pytest.approx(1 - p_none - p_one)
    roles = {entry["role"]: entry["shared"] for entry in row["by_role"] if entry["of"] == IOI}
    assert (roles["name mover"], roles["duplicate token"], roles["induction"]) == (["a9.h9"], ["a0.h1"], [])
    assert comparison.warnings == ()
    assert comparison.summary["circuits"][1]["source"].startswith("Wang et al. 2022")
    written = json.loads((comparison.folder / "summary.json").read_text())
    assert written["overlaps"][0]["shared"] == ["a0.h1", "a9.h9"]
    assert (comparison.folder / "overlap.csv").read_text().splitlines()[0].startswith("a,b,n_a,n_b,n_shared,iou")


def test_an_unfaithful_or_empty_circuit_is_told(tmp_path):
    unfaithful, empty = run_of(Wiring(12, 12, 12), EDGES), run_of(Wiring(12, 12, 12), ())
    measured = replace(unfaithful.circuit, faithfulness=0.3, metrics={"least_faithfulness": 0.85})
    unfaithful.__dict__.update(circuit=measured)
    (said,) = compare_published(unfaithful, IOI, out=tmp_path).warnings
    assert said.startswith("mine: the circuit is not faithful: it keeps 0.30 of the behavior, less than the 0.85 asked")
    (said,) = compare_published(empty, IOI, out=tmp_path).warnings
    assert said.startswith("mine: the circuit is empty")


def test_of_a_staged_search_all_heads_kept_count_by_stage(tmp_path):
    rows = [
        {"finds": "movers", "heads": [{"head": "a9.h9"}]},
        {"finds": "inhibition", "heads": [{"head": "a8.h6"}, {"head": "a1.h1"}]},
    ]
    staged = {"stages": rows, "union": ["a1.h1", "a8.h6", "a9.h9"], "kept_by": "top 2"}
    (row,) = compare_published(run_of(Wiring(12, 12, 12), EDGES, path_stages=staged), IOI, out=tmp_path).summary[
        "overlaps"
    ]
    assert row["shared"] == ["a8.h6", "a9.h9"]
    assert [entry["n_shared"] for entry in row["by_role"] if entry["of"] == "mine"] == [1, 1]


def test_another_shape_another_model_and_other_names_are_told(tmp_path):
    small = run_of(Wiring(4, 4, 4), ("input->a1.h1<v>", "a1.h1->logits"), model="reference")
    with pytest.raises(
        ValueError, match=r"mine has heads of 4 layers of 4 \(reference\), published:ioi-gpt2-small of 12"
    ):
        compare_published(small, IOI, out=tmp_path)
    with pytest.raises(ValueError, match="call compare_published"):
        compare(small, IOI, out=tmp_path)
    with pytest.raises(ValueError, match="no published circuit 'oii'"):
        compare_published(small, "published:oii", out=tmp_path)
    by_layer = run_of(Wiring(4, 4, 4).by_layer, ("input->a1", "a1->logits"))
    with pytest.raises(ValueError, match="has whole layers, no heads"):
        compare_published(by_layer, IOI, out=tmp_path)
    tuned = run_of(Wiring(12, 12, 12), EDGES, model="my-tuned-gpt2")
    assert "mine is of the model my-tuned-gpt2" in compare_published(tuned, IOI, out=tmp_path).warnings[0]
    assert list(tmp_path.glob("jobs")) == []


def test_published_circuits_are_listed_with_sources_and_compared_from_the_command_line(tmp_path):
    shown = CliRunner().invoke(app, ["published"])
    assert "Wang et al. 2022" in shown.stdout
    assert "it tabulates no full list" in shown.stdout
    names = ("published:ioi-gpt2-medium", "published:colored-objects-gpt2-medium")
    result = CliRunner().invoke(app, ["compare", *names, "--runs", str(tmp_path)])
    assert result.exit_code == 0, result.output
    assert "mover of published:ioi-gpt2-medium: 5 of 5" in result.stdout
    assert "Merullo et al. 2024" in result.stdout
