"""Random scores: a baseline that neither the model, the metric nor the other prompts can change."""

from __future__ import annotations

import dataclasses

import numpy as np

from circuits.data.prompts import PromptSet
from circuits.methods.random import RandomScores
from circuits.metrics import METRICS
from tests.conftest import random_prompts

LOGIT_DIFFERENCE = METRICS["logit-difference"]


def scores_of(model, prompts, *, seed=0, metric=LOGIT_DIFFERENCE):
    return RandomScores(seed).score(model, prompts, metric=metric).per_prompt


def test_scores_are_standard_normal(family_model):
    """Of n = 20 x 279 draws, mean and standard deviation are within 5 standard errors of 0 and 1."""
    scores = scores_of(family_model("gpt2"), random_prompts(20))
    assert abs(scores.mean()) < 5 / np.sqrt(scores.size)
    assert abs(scores.std() - 1) < 5 / np.sqrt(2 * scores.size)


def test_prompts_and_edges_are_drawn_independently(family_model):
    """Correlations of 279 independent draws have a standard error of 0.06."""
    between_prompts = np.corrcoef(scores_of(family_model("gpt2"), random_prompts(12)))
    assert np.abs(between_prompts - np.eye(12)).max() < 0.3


def test_splitting_the_prompts_changes_no_score(family_model):
    model, prompts = family_model("gpt2"), random_prompts(5)
    first, second = PromptSet("a", prompts.prompts[:2]), PromptSet("b", prompts.prompts[2:])
    parts = np.concatenate([scores_of(model, first), scores_of(model, second)])
    np.testing.assert_array_equal(parts, scores_of(model, prompts))


def test_another_seed_or_corrupt_prompt_gives_other_scores(family_model):
    model, prompts = family_model("gpt2"), random_prompts(1)
    other = PromptSet("other", (dataclasses.replace(prompts.prompts[0], corrupt=prompts.prompts[0].clean[::-1]),))
    scores = scores_of(model, prompts)
    assert (scores != scores_of(model, prompts, seed=1)).all()
    assert (scores != scores_of(model, other)).all()


def test_the_metric_plays_no_part(family_model):
    model, prompts = family_model("gpt2"), random_prompts(2)
    np.testing.assert_array_equal(scores_of(model, prompts), scores_of(model, prompts, metric=METRICS["kl-divergence"]))
