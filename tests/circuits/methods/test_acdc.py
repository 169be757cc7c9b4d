"""ACDC: against edges tried one by one, on a known circuit, and what must not change its result."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from circuits.data.prompts import Prompt, PromptSet
from circuits.evaluation.faithfulness import circuit_values, measure_baseline
from circuits.methods.acdc import ACDC
from circuits.metrics import METRICS
from circuits.model.load import load_model, model_from_module
from tests.circuits.hand_models import QUESTION, write_detector
from tests.conftest import random_module, random_prompts

LOGIT_DIFFERENCE = METRICS["logit-difference"]


def one_by_one(model, prompts, tau, *, absolute=True, metric=LOGIT_DIFFERENCE):
    """The published algorithm: every edge in reverse wiring order, each with a whole run of the circuit without it."""
    kept = np.ones(model.wiring.n_edges, dtype=bool)
    effects = np.zeros((len(prompts), model.wiring.n_edges))
    value = circuit_values(model, prompts, kept, metric=metric)[0]
    for edge in reversed(range(model.wiring.n_edges)):
        kept[edge] = False
        without = circuit_values(model, prompts, kept, metric=metric)[0]
        effects[:, edge] = value - without
        score = effects[:, edge].mean()
        kept[edge] = (abs(score) if absolute else score) >= tau
        if not kept[edge]:
            value = without
    return kept, effects


def kept_by(scores, tau, *, absolute=True):
    return (np.abs(scores.means) if absolute else scores.means) >= tau


@pytest.fixture(scope="module")
def shallow_model():
    """`shallow_model("llama")`: a tiny random model of two layers, since every edge costs the witness a run."""
    return cache(lambda family: model_from_module(random_module(family, n_layers=2), name=f"shallow-{family}"))


@pytest.mark.parametrize(
    ("family", "tau", "absolute"),
    [("gpt2", 0.3, True), ("gpt2", 0.05, True), ("gpt2", 0.1, False), ("llama", 0.05, True), ("neox", 0.1, False)],
)
def test_decisions_and_scores_are_those_of_edges_tried_one_by_one(family, tau, absolute, shallow_model):
    model, prompts = shallow_model(family), random_prompts(3, length=6)
    expected, effects = one_by_one(model, prompts, tau, absolute=absolute)
    assert 0 < expected.sum() < len(expected)
    scores = ACDC(tau=tau, absolute=absolute).score(model, prompts, metric=LOGIT_DIFFERENCE)
    np.testing.assert_array_equal(kept_by(scores, tau, absolute=absolute), expected)
    # Differences of logits of about 10, each a sum of some hundred rounded terms.
    np.testing.assert_allclose(scores.per_prompt, effects, atol=1e-5 * max(1, np.abs(effects).max()))


def test_the_hand_models_circuit_is_exactly_its_path(tmp_path):
    """Without any one edge of the path the logit difference falls from 2 to -2; no other edge carries anything."""
    model = load_model(str(write_detector(tmp_path / "detector")))
    prompts = PromptSet("previous", (Prompt((0, 3, 1, QUESTION), (0, 3, 2, QUESTION), (1,), (2,)),))
    path = {"input->a0.h0<v>", "a0.h0->a1.h1<v>", "a1.h1->logits"}
    for method in (ACDC(), ACDC(size=3)):
        scores = method.score(model, prompts, metric=LOGIT_DIFFERENCE)
        kept = {str(edge): s for edge, s in zip(model.wiring.edges, scores.means, strict=True) if abs(s) >= method.tau}
        assert kept == pytest.approx(dict.fromkeys(path, 4), abs=1e-4)
        assert scores.measured.all()


def test_with_the_divergence_scores_are_what_dropping_adds_to_it(shallow_model):
    """The published rule: KL(clean || circuit without the edge) - KL(clean || circuit) against tau."""
    model, prompts, divergence = shallow_model("gpt2"), random_prompts(3, length=6), METRICS["kl-divergence"]
    expected, effects = one_by_one(model, prompts, 0.1, absolute=False, metric=divergence)
    scores = ACDC(tau=0.1, absolute=False).score(model, prompts, metric=divergence)
    np.testing.assert_array_equal(kept_by(scores, 0.1, absolute=False), expected)
    np.testing.assert_allclose(scores.per_prompt, effects, atol=1e-4)
    dropped = scores.per_prompt[:, ~expected].sum(1)
    left = circuit_values(model, prompts, expected, metric=divergence)[0]
    np.testing.assert_allclose(dropped, -left, atol=1e-3)


def test_the_circuit_kept_is_what_the_dropped_scores_leave(family_model):
    """Scores of dropped edges add up to the difference between the clean metric and the circuit's."""
    model, prompts = family_model("llama"), random_prompts(4)
    scores = ACDC(tau=0.2).score(model, prompts, metric=LOGIT_DIFFERENCE)
    kept = kept_by(scores, 0.2)
    clean = measure_baseline(model, prompts, metric=LOGIT_DIFFERENCE).clean
    circuit = circuit_values(model, prompts, kept, metric=LOGIT_DIFFERENCE)[0]
    np.testing.assert_allclose(clean - scores.per_prompt[:, ~kept].sum(1), circuit, atol=1e-3)


def test_how_prompts_are_batched_and_ordered_does_not_matter(family_model, monkeypatch):
    model, prompts = family_model("gpt2"), random_prompts(6, length=6)
    together = ACDC(tau=0.2).score(model, prompts, metric=LOGIT_DIFFERENCE)
    turned = PromptSet("turned", prompts.prompts[::-1])
    monkeypatch.setattr(model.forward, "numbers_at_once", 1)
    one_at_a_time = ACDC(tau=0.2).score(model, turned, metric=LOGIT_DIFFERENCE)
    np.testing.assert_array_equal(kept_by(one_at_a_time, 0.2), kept_by(together, 0.2))
    np.testing.assert_allclose(one_at_a_time.per_prompt[::-1], together.per_prompt, atol=1e-4)


def test_blocks_save_runs_and_dead_edges_need_none(family_model, monkeypatch):
    """All is dropped: once nothing reads a head, no edge into it is run; a block dropped whole doubles the next one."""
    from circuits.effects import circuit_runs as masked

    model, prompts, n_circuits = family_model("gpt2"), random_prompts(2), []
    original = masked.metric_with_edges
    monkeypatch.setattr(
        masked,
        "metric_with_edges",
        lambda model, pair, weights, **settings: (
            n_circuits.append(len(weights)) or original(model, pair, weights, **settings)
        ),
    )
    scores = ACDC(tau=1e6).score(model, prompts, metric=LOGIT_DIFFERENCE)
    into_logits = [str(edge).endswith("->logits") for edge in model.wiring.edges]
    np.testing.assert_array_equal((scores.per_prompt != 0).any(0), into_logits)
    # One batch of prompts; the whole circuit, then 16 edges into the logits as 4, 8 and 4.
    assert sum(into_logits) == 16
    assert n_circuits == [1, 4, 8, 4]


def test_a_size_is_reached_or_approached_from_below_and_the_record_says_how(shallow_model):
    model, prompts = shallow_model("gpt2"), random_prompts(3, length=6)
    for size in (5, 40):
        method = ACDC(size=size)
        scores = method.score(model, prompts, metric=LOGIT_DIFFERENCE)
        tau = scores.provenance.settings["tau"]
        n_kept = kept_by(scores, tau).sum()
        assert 0.8 * size <= n_kept <= size
        again = ACDC(tau=tau).score(model, prompts, metric=LOGIT_DIFFERENCE)
        np.testing.assert_array_equal(again.per_prompt, scores.per_prompt)


def test_runs_take_acdcs_own_circuit():
    assert ACDC(tau=0.3).default_selection == {"threshold": 0.3}
    assert ACDC(tau=0.3, absolute=False).default_selection == {"threshold": 0.3, "signed": True}
    assert ACDC(size=7).default_selection == {"edges": 7, "selection": "top-edges"}
    assert not ACDC().per_prompt


def test_settings_that_mean_nothing_are_refused(family_model):
    with pytest.raises(ValueError, match=r"tau=0\. It must be positive"):
        ACDC(tau=0)
    with pytest.raises(ValueError, match="size=0"):
        ACDC(size=0)
    with pytest.raises(ValueError, match=r"size=10000; 'tiny-gpt2' has \d+ edges"):
        ACDC(size=10000).score(family_model("gpt2"), random_prompts(2), metric=LOGIT_DIFFERENCE)
