"""Models whose edges cannot be measured: component methods still give a circuit, judged by its components."""

from __future__ import annotations

import csv
import io

import numpy as np
import pytest

from circuits.data.prompt_files import write_jsonl
from circuits.evaluation.faithfulness import component_circuit_values, faithfulness, measure_baseline
from circuits.metrics import METRICS
from circuits.model.load import load_model
from graphs.export import exporter
from pipelines import discover
from tests.conftest import random_module, random_prompts


@pytest.fixture(scope="module")
def gemma(tmp_path_factory):
    """A folder with a tiny Gemma-2 and a prompt file for it."""
    folder = tmp_path_factory.mktemp("gemma")
    random_module("gemma2").save_pretrained(folder / "model")
    write_jsonl(random_prompts(6), folder / "prompts.jsonl")
    return folder


def test_edge_methods_are_refused_with_the_reason(gemma, tmp_path):
    with pytest.raises(ValueError, match="'eap-ig' cannot run on 'model': a norm after the attention") as refused:
        discover(gemma / "prompts.jsonl", model=str(gemma / "model"), out=tmp_path)
    assert str(refused.value).endswith(". Methods that score components, such as activation-patching, run on it.")


def test_component_methods_give_a_circuit_whose_faithfulness_is_that_of_its_components(gemma, tmp_path):
    run = discover(
        gemma / "prompts.jsonl", model=str(gemma / "model"), method="activation-patching", nodes=6, out=tmp_path
    )
    assert any("edges cannot be measured" in warning for warning in run.summary["warnings"])
    kept = {node.name for node in run.circuit.nodes if node.component.kind in ("head", "mlp")}
    assert len(kept) == 6
    assert all(edge.score is None for edge in run.circuit.edges)
    assert all(node.score is not None for node in run.circuit.nodes if node.component.kind in ("head", "mlp"))

    model, metric = load_model(str(gemma / "model")), METRICS["logit-difference"]
    prompts = random_prompts(6)
    keep = np.array([str(writer) in kept | {"input"} for writer in model.wiring.writers])
    values = component_circuit_values(model, prompts, keep, metric=metric)[0]
    expected = faithfulness(values, measure_baseline(model, prompts, metric=metric)).mean
    assert run.circuit.faithfulness == pytest.approx(expected, rel=1e-4)


def test_every_score_says_whether_it_was_measured(gemma, tmp_path):
    run = discover(
        gemma / "prompts.jsonl", model=str(gemma / "model"), method="activation-patching", nodes=4, out=tmp_path
    )
    table = io.StringIO(exporter("csv").to_bytes(run.circuit, scores=[run.scores, run.node_scores]).decode())
    said = {row["name"]: row["score_is"] for row in csv.DictReader(table)}
    assert said["input->m0"] == "not measured"
    assert said["a1.h2"] == "measured"
