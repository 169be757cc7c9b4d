"""Captions: everything a reader must know, and nothing that is not so."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from circuits.components import Edge, Wiring
from circuits.scores import ComponentScores
from graphs import SELECTIONS, CircuitGraph, Greedy, TopComponents, TopEdges, compare, selection_from, union_of
from graphs.comparison.comparison import Comparison
from graphs.export import caption
from graphs.figures.chosen_by import chosen_by
from graphs.figures.layered.drawing import composed
from graphs.figures.layered.settings import DrawingSettings
from graphs.prompt_use import PromptUse

WIRING = Wiring(n_layers=2, n_heads=4, n_kv_heads=2)
HELD_OUT = PromptUse(64, 32, 32, is_held_out=True, corruption="flip: the answer flips")


@pytest.fixture(scope="module")
def scores(random_edge_scores):
    return random_edge_scores(WIRING, seed=1, task="ioi")


def below(subject: CircuitGraph | Comparison, **settings: Any) -> str:
    """The caption below a drawing."""
    return caption(subject, composed(subject, DrawingSettings(**settings)))


def judged(graph: CircuitGraph, share: float = 0.9, **more: float) -> CircuitGraph:
    ends = {"faithfulness_low": share - 0.05, "faithfulness_high": share + 0.05}
    return replace(graph, faithfulness=share, metrics=ends | more, prompts=HELD_OUT)


def test_a_caption_has_task_model_method_prompts_size_and_faithfulness(scores):
    graph = judged(CircuitGraph.from_scores(scores, Greedy(30)))
    said, origin = below(graph), scores.provenance
    for part in (
        f"The circuit of the model {origin.model} for the task ioi: {graph.n_edges} of {WIRING.n_edges} edges, with",
        "of which 32 chose the circuit and the 32 others judged it.",
        "Corrupted prompts (flip): the answer flips.",
        f"Edges are scored by {origin.method} (",
        f"The metric is the {origin.metric.replace('-', ' ')}",
        f"C{chosen_by(graph.selection)[1:]}.",
        "the circuit keeps 0.90 [0.85, 0.95] (95 % interval over prompts)",
        "on the 32 prompts that judged it.",
        "boxes are heads",
    ):
        assert part in said
    assert "\n" not in said
    assert said.endswith(".")
    assert ".." not in said
    assert "boxes" not in caption(graph)


@pytest.mark.parametrize("name", list(SELECTIONS))
def test_every_rule_is_said_as_figures_say_it(scores, name):
    settings = {"n": 12, "minimum": 0.01, "methods": ("eap",)}
    kind = SELECTIONS[name]
    fields = kind.__dataclass_fields__
    rule = selection_from({"name": name} | {key: value for key, value in settings.items() if key in fields})
    nodes = scores.node_scores() if kind.chooses == "components" else None
    graph = CircuitGraph.from_scores(scores, rule.choose_with([scores], scores, nodes), node_scores=nodes)
    assert f"(rule {name})." in caption(graph)
    assert "Its faithfulness was not measured." in caption(graph)


def test_components_scored_by_another_method_are_said_beside_the_edges(scores):
    heads = tuple(part for part in WIRING.writers if part.is_node)
    own = np.arange(float(len(heads)))[None, None] + 1
    origin = replace(scores.provenance, method="patching", settings={"at": "END"}, scores_are="measured")
    nodes = ComponentScores(WIRING, heads, ("END",), own, np.ones(own.shape, dtype=np.bool_), origin)
    said = below(CircuitGraph.from_scores(scores, TopComponents(4), node_scores=nodes))
    assert "Components are scored by patching (measured; at END)." in said
    assert f"Edges are scored by {scores.provenance.method} (" in said
    assert "Fills of boxes show the scores of components: vermilion positive, blue negative." in said


def test_what_is_wrong_with_a_circuit_is_in_its_caption(scores):
    graph = CircuitGraph.from_scores(scores, Greedy(30))
    unfaithful = judged(graph, 0.4, least_faithfulness=0.85)
    assert "The circuit is not faithful: it keeps 0.40 [0.35, 0.45] of the behavior, less than the 0.85" in caption(
        unfaithful
    )
    empty = CircuitGraph.from_edges(WIRING, [], provenance=scores.provenance)
    assert f"empty, none of {WIRING.n_edges} edges." in caption(empty)
    assert "boxes" not in below(empty)
    assert "whose model and task are not recorded" in caption(
        CircuitGraph.from_edges(WIRING, [Edge.parse("m0->logits")])
    )


def test_only_signs_that_are_drawn_are_explained(scores):
    signed = CircuitGraph.from_scores(scores, Greedy(30))
    assert any(item.score < 0 for item in signed.edges)
    assert "vermilion lines support the behavior (positive scores), blue dashed lines work" in below(signed).lower()
    positive = replace(signed, edges=tuple(replace(item, score=abs(item.score)) for item in signed.edges))
    assert "dashed" not in below(positive)
    assert "Key-value heads (kv) stand beside the heads that they serve." in below(signed)
    assert "a disk for queries" in below(signed)
    assert "from left to right" in below(signed, orientation="right")
    plain = CircuitGraph.from_edges(Wiring(n_layers=2, n_heads=2, n_kv_heads=2), [Edge.parse("input->logits")])
    assert all(word not in below(plain) for word in ("Key-value", "Markers", "wider", "Frames", "Fills", "dashed"))


def test_a_drawing_that_leaves_edges_out_says_how_many(scores):
    graph = CircuitGraph.from_scores(scores, Greedy(30))
    assert "Shown: 12 of 30 edges, " in below(graph, top=12)
    assert "Shown" not in below(graph)
    assert "MLPs" not in below(graph, heads_only=True).partition("Layers run")[2]


def test_a_comparison_says_what_is_common_once(scores, random_edge_scores):
    other = random_edge_scores(WIRING, seed=2, task="induction")
    a, b = (
        judged(CircuitGraph.from_scores(each, TopEdges(20)), share) for each, share in ((scores, 0.9), (other, 0.8))
    )
    comparison = compare(a, b)
    said = below(comparison)
    assert said.startswith(f"Two circuits: ioi ({a.n_edges} of {WIRING.n_edges} edges")
    shared = comparison.reuse.edges
    assert f"{shared.n_shared} of {shared.n_either} edges (intersection over union {shared.iou:.2f})" in said
    assert said.count("of which 32 chose the circuit") == 1
    assert said.count("the circuit keeps") == 2
    assert "Both circuits: model" in said
    assert "Lines and boxes: dark gray shared" in said
    assert "blue only in ioi, orange only in induction" in said
    same = caption(compare(a, a))
    assert same.count("the circuit keeps") == 1


def test_a_circuit_made_of_several_says_so(scores, random_edge_scores):
    other = random_edge_scores(WIRING, seed=2, task="induction")
    said = caption(union_of([CircuitGraph.from_scores(each, TopEdges(20)) for each in (scores, other)]))
    assert said.startswith("A circuit made of several")
    assert "Chosen: edges in any of 2 circuits." in said
