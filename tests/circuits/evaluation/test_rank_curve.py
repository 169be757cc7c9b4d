"""Heads on a few directions: the simplex of four needs three, and all directions change nothing, on every family."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from circuits.data.prompts import PromptSet
from circuits.edits.projection import Projected, Subspace
from circuits.evaluation.edit_effects import EditValues
from circuits.evaluation.rank_curve import drawn_basis, fitted, kept_variance, rank_effect, rank_values, vectors_of
from circuits.metrics import METRICS
from circuits.model.load import load_model, model_from_module
from tests.circuits.hand_models import selector_prompts, write_selector
from tests.circuits.plain_runs import long_prompts
from tests.conftest import FAMILIES, MORE_FAMILIES, random_module, random_prompts

LOGIT_DIFFERENCE = METRICS["logit-difference"]


def subspaces_of(model: Any, prompts: PromptSet, asked: Projected) -> dict[Any, Subspace]:
    """Subspaces fitted to all the prompts."""
    return {
        place: Subspace(*(torch.from_numpy(array).float() for array in fitted(vectors.values)))
        for place, vectors in vectors_of(model, prompts, asked).items()
    }


@pytest.mark.parametrize("layer", [0, 1])
@pytest.mark.parametrize("sides", [("query",), ("key",), ("query", "key"), ("query", "key", "value")])
def test_a_simplex_of_four_needs_three_directions(tmp_path, layer, sides):
    model, prompts = load_model(str(write_selector(tmp_path, layer=layer))), selector_prompts()
    asked = Projected((f"a{layer}.h0",), "END", "letters", sides)
    # Values are letters, of which there are six: five directions.
    ranks = [0, 1, 2, 3, 5]
    found = subspaces_of(model, prompts, asked)
    values = rank_values(model, prompts, asked, [(found, rank) for rank in ranks], metric=LOGIT_DIFFERENCE)
    by_rank = dict(zip(ranks, values.metric[1:], strict=True))
    np.testing.assert_allclose(values.metric[0], 2, atol=1e-5)
    assert by_rank[2].min() < 1.5
    assert by_rank[0].mean() < 0.7
    np.testing.assert_allclose(by_rank[5], 2, atol=2e-3)
    if "value" not in sides:
        np.testing.assert_allclose(by_rank[3], 2, atol=2e-3)
        assert values.is_correct[4].all()
    assert not values.is_correct[3].all()


@pytest.mark.parametrize("family", [*FAMILIES, *MORE_FAMILIES])
def test_all_directions_change_nothing_and_few_do_something(family, family_model):
    model, prompts = family_model(family), random_prompts(6)
    for sides in (("query",), ("query", "key", "value")):
        asked = Projected(("a1.h1", "a2.h2"), "last-two", "all", sides)
        found = subspaces_of(model, prompts, asked)
        d_head = len(next(iter(found.values())).mean)
        values = rank_values(model, prompts, asked, [(found, d_head), (found, 1)], metric=LOGIT_DIFFERENCE)
        np.testing.assert_allclose(values.metric[1], values.metric[0], atol=5e-5)
        assert np.abs(values.metric[2] - values.metric[0]).max() > 0.005


def test_what_runs_is_the_whole_model_with_projected_queries_and_keys():
    module = random_module("llama")  # two query heads share a key-value head
    model, prompts = model_from_module(module, name="llama"), random_prompts(4)
    asked = Projected(("a2.h0", "a2.h1"), "END", "first", ("query", "key"))
    found = subspaces_of(model, prompts, asked)
    values = rank_values(model, prompts, asked, [(found, 2)], metric=LOGIT_DIFFERENCE)
    attention = model.original.model.layers[2].self_attn
    for number, prompt in enumerate(prompts):

        def project(side: str, heads: tuple[int, ...], position: int) -> Any:
            def hook(_module: Any, _given: Any, out: torch.Tensor) -> torch.Tensor:
                out = out.clone()
                for head in heads:
                    own = slice(8 * head, 8 * head + 8)
                    out[0, position, own] = found[2, head, side].nearest(out[0, position, own], 2)
                return out

            return hook

        handles = [
            attention.q_proj.register_forward_hook(project("query", (0, 1), prompt.answer_position)),
            attention.k_proj.register_forward_hook(project("key", (0,), 0)),
        ]
        with torch.no_grad():
            row = model.original(torch.tensor([prompt.clean])).logits[0, prompt.answer_position]
        for handle in handles:
            handle.remove()
        expected = float(row[prompt.answers[0]] - row[prompt.wrong_answers[0]])
        assert values.metric[1, number] == pytest.approx(expected, abs=2e-5)


def test_vectors_are_those_of_their_prompts(family_model):
    model, prompts = family_model("gpt2"), random_prompts(5)
    found = vectors_of(model, prompts, Projected(("a1.h2",), "END", "last-two", ("query", "value")))
    query, value = found[1, 2, "query"], found[1, 2, "value"]
    assert query.prompts.tolist() == [0, 1, 2, 3, 4]
    assert value.prompts.tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]
    for number, prompt in enumerate(prompts):
        layer = model.forward.layers[1]
        run = model.forward.record(torch.tensor([prompt.clean]))
        projected = layer.project(layer.normed(run.residual[1]))
        np.testing.assert_allclose(query.values[number], projected.q[0, prompt.answer_position, 2], atol=1e-5)
        np.testing.assert_allclose(value.values[2 * number : 2 * number + 2], projected.v[0, -2:, 2], atol=1e-5)


def test_answers_of_several_tokens_are_read(family_model):
    model, metric = family_model("llama"), METRICS["log-probability-difference"]
    asked = Projected(("a1.h0",), "END", "all", ("query", "key"))
    found = subspaces_of(model, long_prompts(), asked)
    values = rank_values(model, long_prompts(), asked, [(found, 8), (found, 1)], metric=metric)
    np.testing.assert_allclose(values.metric[1], values.metric[0], atol=2e-5)
    assert np.abs(values.metric[2] - values.metric[0]).max() > 1e-3


def test_subspaces_by_hand():
    values = np.array([[1.0, 0, 5], [3, 0, 5], [2, 1, 5], [2, -1, 5]])
    mean, basis = fitted(values)
    assert mean.tolist() == [2, 0, 5]
    np.testing.assert_allclose(basis @ basis.T, np.eye(3), atol=1e-12)
    assert kept_variance(values, mean, basis, 2) == pytest.approx(1)
    assert kept_variance(values, mean, basis, 1) == pytest.approx(0.5)
    assert kept_variance(values[:1] * 0 + mean, mean, basis, 0) == 1
    subspace = Subspace(torch.tensor(mean), torch.tensor(basis))
    assert subspace.nearest(torch.tensor([7.0, 8, 9], dtype=torch.float64), 0).tolist() == [2, 0, 5]
    np.testing.assert_allclose(subspace.nearest(torch.tensor([7.0, 8, 9], dtype=torch.float64), 2), [7, 8, 5])
    drawn = drawn_basis(6, np.random.default_rng(0))
    np.testing.assert_allclose(drawn @ drawn.T, np.eye(6), atol=1e-12)


def test_what_is_kept_is_a_share_of_what_is_lost_without_any_direction():
    metric = np.array([[3.0, 5, 4, 4], [1, 1, 1, 1], [2, 4, 2, 2]])
    right = np.array([[1, 1, 1, 1], [0, 0, 1, 0], [1, 1, 1, 0]], dtype=bool)
    values = EditValues(metric, right, right)
    effect = rank_effect(values, 2, 1)
    assert effect.kept.value == pytest.approx((2.5 - 1) / (4 - 1))
    assert effect.change.value == pytest.approx(-1.5)
    assert effect.kept.interval.low < 0.5 < effect.kept.interval.high
    assert (effect.accuracy.n_hits, effect.accuracy_change.value) == (3, -0.25)
    nothing_lost = EditValues(metric[[0, 0, 0]], right, right)
    assert rank_effect(nothing_lost, 2, 1).kept.interval.as_json() is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"heads": ("a3.h0",)}, "has no head 'a3.h0'"),
        ({"sides": ("queries",)}, "no side 'queries'. Known: query, key, value"),
        ({"sides": ()}, "no side ''"),
        ({"key": "S"}, "prompt 0: no role 'S'"),
    ],
)
def test_what_is_not_there_is_refused(change, message, family_model):
    asked = replace(Projected(("a1.h0",), "END", "first"), **change)
    with pytest.raises(ValueError, match=message):
        vectors_of(family_model("gpt2"), random_prompts(2), asked)


def test_prompts_of_all_lengths_are_projected_where_their_roles_are(family_model):
    model = family_model("mistral")
    prompts = PromptSet("mixed", (*random_prompts(3), *random_prompts(3, length=14, seed=1)))
    asked = Projected(("a0.h1",), "END", "first", ("query", "key"))
    found = subspaces_of(model, prompts, asked)
    together = rank_values(model, prompts, asked, [(found, 1)], metric=LOGIT_DIFFERENCE).metric
    for number in range(len(prompts)):
        alone = prompts[number : number + 1]
        own = rank_values(model, alone, asked, [(found, 1)], metric=LOGIT_DIFFERENCE).metric
        np.testing.assert_allclose(own[:, 0], together[:, number], atol=2e-5)
