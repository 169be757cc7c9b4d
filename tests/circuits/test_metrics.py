"""Metrics against values worked out by hand, and against the whole vocabulary."""

from __future__ import annotations

import math

import pytest
import torch

from circuits.data.prompts import Prompt, PromptSet
from circuits.effects.paired_runs import record_pair, targets
from circuits.methods.base import CORRUPT
from circuits.metrics import METRICS
from circuits.model.batches import batches
from tests.conftest import random_prompts


@pytest.fixture
def two_answers(family_model):
    """Answers 0 and 1, wrong answer 2, over a vocabulary of 50; the batch belongs to a real model for its device."""
    prompts = PromptSet("two", (Prompt((1, 2), (1, 3), (0, 1), (2,)),))
    return next(iter(batches(prompts, family_model("gpt2").forward)))


def logits_for(values, metric, batch, forward):
    """The logits that `metric` reads, from {token: logit}; unnamed tokens have logit 0."""
    vocabulary = torch.zeros(1, 50)
    for token, value in values.items():
        vocabulary[0, token] = value
    wanted = targets(batch, metric, forward)
    return (vocabulary if wanted.tokens is None else vocabulary.gather(1, wanted.tokens)), wanted


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("logit-difference", (3 + 1) / 2 - 0.5),
        ("answer-logit", (3 + 1) / 2),
        ("answer-log-probability", math.log((math.e**3 + math.e) / (math.e**3 + math.e + math.e**0.5 + 47))),
        ("log-probability-difference", math.log((math.e**3 + math.e) / math.e**0.5)),
        ("probability-difference", (math.e**3 + math.e - math.e**0.5) / (math.e**3 + math.e + math.e**0.5 + 47)),
    ],
)
def test_value_worked_out_by_hand(name, expected, two_answers, family_model):
    metric = METRICS[name]
    logits, wanted = logits_for({0: 3.0, 1: 1.0, 2: 0.5}, metric, two_answers, family_model("gpt2").forward)
    assert metric.values(logits, wanted).item() == pytest.approx(expected, rel=1e-5)


def test_divergence_is_zero_on_the_clean_run_and_negative_elsewhere(two_answers, family_model):
    metric = METRICS["kl-divergence"]
    clean, wanted = logits_for({0: 1.0}, metric, two_answers, family_model("gpt2").forward)
    other, _ = logits_for({0: 2.0}, metric, two_answers, family_model("gpt2").forward)
    assert metric.values(clean, wanted, clean).item() == pytest.approx(0, abs=1e-6)
    p, q = torch.softmax(clean[0], 0), torch.softmax(other[0], 0)
    expected = -float((p * (p / q).log()).sum())
    assert metric.values(other, wanted, clean).item() == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("name", METRICS)
def test_reading_only_the_answers_equals_reading_the_whole_vocabulary(name, family_model):
    """Through the model: the readout against the metric's definition on the bridge's own logits."""
    metric, model = METRICS[name], family_model("gemma2")
    for batch in batches(random_prompts(5), model.forward):
        pair = record_pair(model.forward, batch, metric, CORRUPT)
        with torch.no_grad():
            runs = [
                model.bridge(ids)[range(batch.n_sequences), batch.answer_positions]
                for ids in (batch.corrupt, batch.clean)
            ]
        wanted = targets(batch, metric, model.forward)
        corrupt, clean = (logits if wanted.tokens is None else logits.gather(1, wanted.tokens) for logits in runs)
        expected = metric.values(corrupt, wanted, clean)
        torch.testing.assert_close(pair.metric_of(model.forward, pair.ablated), expected, atol=2e-5, rtol=1e-4)


def test_a_metric_that_compares_names_the_prompts_without_wrong_answers():
    prompts = PromptSet("one", (Prompt((1,), (2,), (0,), (1,)), Prompt((1,), (2,), (0,))))
    with pytest.raises(ValueError, match=r"1 of 2 prompts has no wrong answer \(the first is prompt 1\).*answer-logit"):
        METRICS["logit-difference"].check(prompts)
    METRICS["answer-logit"].check(prompts)
