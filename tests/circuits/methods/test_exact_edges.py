"""Exact edge effects: against runs with one edge left out, against known circuits, and compared with estimates."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from circuits.data.prompt_files import read_prompts
from circuits.data.prompts import Prompt, PromptSet
from circuits.evaluation.faithfulness import circuit_values, measure_baseline
from circuits.methods import EdgeAttribution, ExactEdges, IntegratedEdgeAttribution, MaskLearning
from circuits.methods.eap_ig import points
from circuits.metrics import METRICS
from circuits.model.load import load_model
from circuits.model.steps import watched_by
from tests.circuits.hand_models import QUESTION, write_detector
from tests.conftest import MORE_FAMILIES, SAMPLES, UNLIKE, mostly_slow, random_prompts
from tests.notes import Notes

LOGIT_DIFFERENCE = METRICS["logit-difference"]


@pytest.mark.parametrize(
    ("family", "shared_prefix"),
    mostly_slow(
        itertools.product(["gpt2", "neox", "llama", "mistral", "qwen2", "qwen3", *MORE_FAMILIES], [0, 5]),
        [*((family, 5) for family in UNLIKE), ("gpt2", 0), ("llama", 0)],
    ),
)
def test_every_edge_equals_the_run_with_that_edge_left_out(family, shared_prefix, family_model):
    """Left out alone by the circuit runner, which shares none of the resuming or stacking by readers."""
    model, prompts = family_model(family), random_prompts(4, length=7, shared_prefix=shared_prefix)
    scores = ExactEdges().score(model, prompts, metric=LOGIT_DIFFERENCE)
    baseline = measure_baseline(model, prompts, metric=LOGIT_DIFFERENCE)
    without_one = ~np.eye(model.wiring.n_edges, dtype=bool)
    values = circuit_values(model, prompts, without_one, metric=LOGIT_DIFFERENCE)
    expected = (baseline.clean - values).T
    np.testing.assert_allclose(scores.per_prompt, expected, atol=2e-5 * max(1, np.abs(expected).max()))


def test_only_the_requested_edges_are_measured(family_model):
    model, prompts = family_model("llama"), random_prompts(3)
    names = ("input->a0.h0<q>", "a0.h3->a1.kv1<v>", "m1->m2", "a2.h0->logits")
    everything = ExactEdges().score(model, prompts, metric=LOGIT_DIFFERENCE)
    some = ExactEdges(edges=names).score(model, prompts, metric=LOGIT_DIFFERENCE)
    chosen = np.array([str(edge) in names for edge in model.wiring.edges])
    assert some.measured.tolist() == chosen.tolist()
    np.testing.assert_allclose(some.per_prompt[:, chosen], everything.per_prompt[:, chosen], atol=1e-5)
    assert (some.per_prompt[:, ~chosen] == 0).all()


def test_an_edge_that_the_model_lacks_is_refused(family_model):
    with pytest.raises(ValueError, match=r"no head a7\.h0"):
        ExactEdges(edges=("a7.h0->logits",)).score(family_model("gpt2"), random_prompts(2), metric=LOGIT_DIFFERENCE)


def test_the_hand_models_edges(tmp_path):
    """Every edge of the path carries the whole token, so each alone turns the logit difference from 2 to -2."""
    model = load_model(str(write_detector(tmp_path / "detector")))
    prompts = PromptSet("previous", (Prompt((0, 3, 1, QUESTION), (0, 3, 2, QUESTION), (1,), (2,)),))
    scores = ExactEdges().score(model, prompts, metric=LOGIT_DIFFERENCE)
    effects = {
        str(edge): score for edge, score in zip(model.wiring.edges, scores.means, strict=True) if abs(score) > 1e-5
    }
    path = {"input->a0.h0<v>": 4, "a0.h0->a1.h1<v>": 4, "a1.h1->logits": 4}
    assert effects == pytest.approx(path, abs=1e-4)


@pytest.mark.parametrize(("name", "metric"), [("hist", "logit-difference"), ("frac_prevs_causal", "answer-logit")])
def test_exact_effects_find_the_true_circuit_of_a_compiled_program(name, metric, sample_model):
    """By the largest effect over prompts: effects of opposite sign cancel in a mean."""
    model, prompts = sample_model(name), read_prompts(SAMPLES / name / "prompts.jsonl")
    truth = json.loads((SAMPLES / name / "truth.json").read_text())
    scores = ExactEdges().score(model, prompts, metric=METRICS[metric])
    names = [str(edge) for edge in model.wiring.edges]
    matters = np.array([edge in truth["edges_that_matter"] for edge in names])
    possible = np.array([edge in truth["edges_possible_by_weights"] for edge in names])
    largest = np.abs(scores.per_prompt).max(axis=0)
    assert roc_auc_score(matters, largest) == 1.0
    assert largest[~possible].max(initial=0) <= 1e-6


@pytest.mark.parametrize("rule", ["left", "midpoint"])
@pytest.mark.parametrize("steps", [1, 4])
def test_on_a_linear_model_all_three_agree(rule, steps, tmp_path):
    """Values of the hand model's heads are linear, and its patterns saturated: any point has the same gradient."""
    model = load_model(str(write_detector(tmp_path / "detector")))
    prompts = PromptSet("previous", (Prompt((0, 3, 1, QUESTION), (0, 3, 2, QUESTION), (1,), (2,)),))
    exact = ExactEdges().score(model, prompts, metric=LOGIT_DIFFERENCE).per_prompt
    plain = EdgeAttribution().score(model, prompts, metric=LOGIT_DIFFERENCE).per_prompt
    integrated = IntegratedEdgeAttribution(steps=steps, rule=rule).score(model, prompts, metric=LOGIT_DIFFERENCE)
    np.testing.assert_allclose(plain, exact, atol=1e-4)
    np.testing.assert_allclose(integrated.per_prompt, exact, atol=1e-4)


def test_integrated_points_are_those_of_the_rule():
    assert points(4, "left") == [0, 0.25, 0.5, 0.75]
    assert points(2, "midpoint") == [0.25, 0.75]
    with pytest.raises(ValueError, match="Known: left, midpoint"):
        IntegratedEdgeAttribution(rule="right")  # pyright: ignore[reportArgumentType]
    with pytest.raises(ValueError, match="At least 1 point"):
        IntegratedEdgeAttribution(steps=0)


@pytest.mark.parametrize(("contested", "n_measured"), [(0.1, None), (7, 7)])
def test_a_screen_measures_the_edges_that_the_estimate_ranks_highest(contested, n_measured, family_model):
    model, prompts = family_model("gpt2"), random_prompts(4, length=6)
    method = ExactEdges(screen="eap-ig", contested=contested)
    scores = method.score(model, prompts, metric=LOGIT_DIFFERENCE)
    estimate = IntegratedEdgeAttribution().score(model, prompts, metric=LOGIT_DIFFERENCE)
    n_measured = n_measured or round(contested * model.wiring.n_edges)
    assert set(np.flatnonzero(scores.measured)) == set(estimate.ranking()[:n_measured])
    exact = ExactEdges().score(model, prompts, metric=LOGIT_DIFFERENCE).per_prompt
    np.testing.assert_allclose(scores.per_prompt[:, scores.measured], exact[:, scores.measured], atol=1e-5)
    assert (scores.per_prompt[:, ~scores.measured] == 0).all()
    # The ranking is that of all prompts together, so they must not be split over jobs.
    assert not method.per_prompt
    assert ExactEdges().per_prompt


def test_a_screen_is_part_of_what_is_told(family_model):
    """Its five points take six passes each, behind ten to begin with; each of a hundred edges about half of one."""
    notes = Notes()
    with watched_by(notes):
        method = ExactEdges(screen="eap-ig", contested=100)
        method.score(family_model("gpt2"), random_prompts(4, length=6), metric=LOGIT_DIFFERENCE)
    assert all(later > earlier - 1e-12 for earlier, later in itertools.pairwise(notes.shares))
    assert any(share == pytest.approx(40 / 90) for share in notes.shares)
    assert sum(share > 41 / 90 for share in notes.shares) > 3
    assert notes.shares[-1] == pytest.approx(1.0)


def test_a_screen_that_is_no_estimate_is_refused():
    with pytest.raises(ValueError, match=r"no screen of exact-edges 'exact-edges'. Known: .*eap-ig"):
        ExactEdges(screen="exact-edges")
    with pytest.raises(ValueError, match=r"contested=0.* Give a share"):
        ExactEdges(screen="eap", contested=0)


@pytest.mark.parametrize("method", [ExactEdges(screen="eap"), MaskLearning(start="eap", steps=1)])
def test_a_ranking_by_zeros_is_refused_where_it_would_decide_something(method, family_model):
    """Answers before the first difference depend on nothing that is corrupted."""
    prompts = [replace(prompt, answer_position=2) for prompt in random_prompts(3, shared_prefix=5)]
    with pytest.raises(ValueError, match=f"{method.name}: every edge scores 0 by its .* 'eap', which so ranks none"):
        method.score(family_model("gpt2"), PromptSet("early", tuple(prompts)), metric=LOGIT_DIFFERENCE)
