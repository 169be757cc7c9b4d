"""How far the AUROC of a ranking moves with the prompts, checked against ranking every resample by itself."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from circuits.components import Wiring, head
from circuits.evaluation.known_circuit import KnownCircuit
from circuits.evaluation.ranking import bootstrap_auroc, judges, node_auroc
from circuits.intervals import Interval
from circuits.scores import ComponentScores, EdgeScores, Provenance

ORIGIN = Provenance("made up", {}, "logit-difference", "none", "0", "none", "0")
GROUPED = Wiring(2, 4, 2)
HEADS = KnownCircuit("made up", None, (head(0, 1), head(1, 0), head(1, 3)), ("head",))


def edge_scores(n_prompts: int = 7, *, measured_share: float = 1.0) -> EdgeScores:
    draw = np.random.default_rng(0)
    measured = draw.random(GROUPED.n_edges) < measured_share
    values = draw.integers(-9, 10, size=(n_prompts, GROUPED.n_edges)).astype(float)  # with ties
    return EdgeScores(GROUPED, np.where(measured, values, 0), measured, ORIGIN)


def component_scores(n_prompts: int = 7, *, lacking: tuple[int, ...] = ()) -> ComponentScores:
    """Scores at `all` and at `IO`, which some prompts lack."""
    draw = np.random.default_rng(1)
    parts = GROUPED.writers[1:]
    measured = np.ones((n_prompts, 2, len(parts)), dtype=bool)
    measured[list(lacking), 1] = False
    values = draw.integers(-3, 4, size=measured.shape).astype(float)
    return ComponentScores(GROUPED, parts, ("all", "IO"), np.where(measured, values, 0), measured, ORIGIN)


def one_by_one(scores, prompts, *, resamples: int, seed: int, **options) -> list[float]:
    """The AUROC by mean of each resample: its prompts copied as often as they were drawn."""
    even = np.full(len(prompts), 1 / len(prompts))
    drawn = np.random.default_rng(seed).multinomial(len(prompts), even, size=resamples)
    areas = []
    for counts in drawn:
        chosen = np.repeat(prompts, counts)
        changed = {"per_prompt": scores.per_prompt[chosen]}
        if isinstance(scores, ComponentScores):
            changed["measured"] = scores.measured[chosen]
        areas.append(node_auroc(replace(scores, **changed), HEADS, **options).by_mean)
    return areas


@pytest.mark.parametrize("measured_share", [1.0, 0.3])
def test_every_resample_of_edges_is_ranked_as_its_prompts_alone_would_be(measured_share: float):
    scores = edge_scores(measured_share=measured_share)
    expected = np.quantile(one_by_one(scores, np.arange(7), resamples=60, seed=3), [0.05, 0.95])
    assert bootstrap_auroc(scores, HEADS, resamples=60, seed=3, level=0.9) == pytest.approx(expected)


def test_a_position_that_some_prompts_lack_is_resampled_among_those_that_have_it():
    scores = component_scores(lacking=(0, 4))
    having = np.array([1, 2, 3, 5, 6])
    expected = np.quantile(one_by_one(scores, having, resamples=60, seed=3, position="IO"), [0.025, 0.975])
    assert bootstrap_auroc(scores, HEADS, position="IO", resamples=60, seed=3) == pytest.approx(expected)


def test_prompts_with_the_same_scores_give_an_interval_without_width():
    scores = component_scores(1)
    same = replace(scores, per_prompt=np.repeat(scores.per_prompt, 5, 0), measured=np.repeat(scores.measured, 5, 0))
    only = node_auroc(same, HEADS).by_mean
    assert bootstrap_auroc(same, HEADS) == pytest.approx(Interval(only, only))
    assert bootstrap_auroc(scores, HEADS).as_json() is None  # one prompt says nothing of others


def test_a_known_circuit_of_all_heads_cannot_be_ranked():
    every = KnownCircuit("all", None, tuple(w for w in GROUPED.writers if w.kind == "head"), ("head",))
    with pytest.raises(ValueError, match="has 8 of 8 measured components"):
        bootstrap_auroc(component_scores(), every)


def test_what_is_not_measured_or_not_known_is_not_judged():
    parts = tuple(writer for writer in GROUPED.writers if writer.kind == "head")
    measured = np.ones((3, 1, len(parts)), dtype=bool)
    heads_alone = ComponentScores(GROUPED, parts, ("all",), np.zeros(measured.shape), measured, ORIGIN)
    with_mlps = replace(HEADS, kinds=("head", "mlp"))
    assert judges(heads_alone, with_mlps, "head")
    assert not judges(heads_alone, with_mlps, "mlp")
    assert judges(edge_scores(), with_mlps, "mlp")
    assert not judges(edge_scores(), HEADS, "mlp")
