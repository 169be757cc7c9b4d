"""A vector added to the residual stream: by hand in a linear model, nothing at strength 0, as hooks on every family."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
import torch

from circuits.data.prompts import Prompt, PromptSet
from circuits.edits.concept import AtLayer
from circuits.evaluation.concept_curve import (
    Streams,
    concept_effect,
    concept_values,
    concept_vector,
    drawn_vector,
    streams_of,
)
from circuits.evaluation.edit_effects import EditValues
from circuits.metrics import METRICS
from circuits.model.load import load_model
from tests.circuits.hand_models import write_averager
from tests.circuits.plain_runs import long_prompts
from tests.conftest import FAMILIES, MORE_FAMILIES, random_prompts

LOGIT_DIFFERENCE = METRICS["logit-difference"]


def averager_prompts(n: int = 5) -> PromptSet:
    """Random prompts of 8 tokens of 7."""
    draw, prompts = random.Random(0), []
    for _ in range(n):
        clean, corrupt = (tuple(draw.randrange(7) for _ in range(8)) for _ in range(2))
        answer, wrong = draw.sample(range(7), 2)
        prompts.append(Prompt(clean, corrupt, (answer,), (wrong,), roles={"early": (2, 3)}))
    return PromptSet("averager", tuple(prompts))


@pytest.mark.parametrize(
    ("layer", "rows"), [(2, "END"), (1, "END"), (0, "END"), (0, "all"), (1, "early"), (2, "early")]
)
def test_in_a_linear_model_the_logits_move_by_the_strength_times_the_vector_exactly(tmp_path, layer, rows):
    model, prompts = load_model(str(write_averager(tmp_path))), averager_prompts()
    vector = np.random.default_rng(0).standard_normal(model.forward.weight_u.shape[1])
    # Every position reads the mean of those up to it, which what is added enters with the share of its rows.
    added = {"END": [7], "all": range(8), "early": [2, 3]}[rows]
    stream = np.outer(np.isin(np.arange(8), list(added)), vector)
    mean = np.tril(np.ones((8, 8))) / np.arange(1, 9)[:, None]
    for of in model.forward.layers[layer:]:
        value, bias = (
            of.project(given[None]).v[0].flatten(1) for given in (torch.eye(len(vector)), torch.zeros(1, len(vector)))
        )
        through = ((value - bias) @ of.weight_o).numpy()
        stream = stream + mean @ stream @ through
    shift = stream[7] @ model.forward.weight_u.numpy().T
    strengths, at = (-3.0, 0.5, 2.0), AtLayer(layer, rows)
    given = [strength * vector for strength in strengths]
    values = concept_values(model, prompts, at, given, metric=LOGIT_DIFFERENCE).metric
    expected = [shift[prompt.answers[0]] - shift[prompt.wrong_answers[0]] for prompt in prompts]
    np.testing.assert_allclose(values[1:] - values[0], np.outer(strengths, expected), atol=2e-5)
    if layer == 2 and rows == "END":
        np.testing.assert_allclose(shift, vector @ model.forward.weight_u.numpy().T)
    assert (np.abs(expected).max() > 0.1) == ((layer, rows) != (2, "early"))


@pytest.mark.parametrize("family", [*FAMILIES, *MORE_FAMILIES])
def test_it_is_added_as_by_a_hook_and_nothing_of_it_changes_no_bit(family, family_model):
    model, prompts, rows = family_model(family), random_prompts(6), "last-two"
    d_model = model.forward.weight_u.shape[1]
    vector = 0.5 * np.random.default_rng(1).standard_normal(d_model)
    values = concept_values(model, prompts, AtLayer(1, rows), [0 * vector, vector], metric=LOGIT_DIFFERENCE)
    assert np.array_equal(values.metric[1], values.metric[0])
    assert np.array_equal(values.is_top1[1], values.is_top1[0])
    block = model.bridge.blocks[1]
    for number, prompt in enumerate(prompts):

        def add(_module: Any, args: tuple[Any, ...], kwargs: dict[str, Any], prompt: Prompt = prompt) -> Any:
            stream = (args[0] if args else kwargs["hidden_states"]).clone()
            stream[0, list(prompt.roles[rows])] += torch.from_numpy(vector).float()
            return ((stream, *args[1:]), kwargs) if args else (args, kwargs | {"hidden_states": stream})

        for hooks, own in (((), values.metric[0]), ((add,), values.metric[2])):
            handles = [block.register_forward_pre_hook(hook, with_kwargs=True) for hook in hooks]
            with torch.no_grad():
                logits = model.bridge(torch.tensor([prompt.clean]))[0, prompt.answer_position]
            for handle in handles:
                handle.remove()
            expected = float(logits[prompt.answers[0]] - logits[prompt.wrong_answers[0]])
            assert own[number] == pytest.approx(expected, abs=5e-5)
    assert np.abs(values.metric[2] - values.metric[0]).max() > 1e-3


def test_the_stream_is_that_of_the_rows_of_each_prompt_whatever_its_length(family_model):
    model = family_model("llama")
    prompts = PromptSet("mixed", (*random_prompts(3), *random_prompts(3, length=14, seed=1)))
    for side in ("clean", "corrupt"):
        streams = streams_of(model, prompts, AtLayer(2, "last-two"), side=side)
        for number, prompt in enumerate(prompts):
            stream = model.forward.record(torch.tensor([getattr(prompt, side)])).residual[2][0, -2:].double().numpy()
            np.testing.assert_allclose(streams.mean[number], stream.mean(axis=0), atol=1e-5)
            assert streams.norm[number] == pytest.approx(np.linalg.norm(stream, axis=1).mean(), abs=1e-5)


def test_vectors_by_hand():
    concept = Streams(np.array([[1.0, 4, 0], [3, 0, 0]]), np.array([4.0, 3.0]))
    baseline = Streams(np.array([[0.0, 1, 0], [0, 1, 0], [0, 1, 0]]), np.ones(3))
    vector = concept_vector(concept, baseline)
    assert vector.tolist() == [2, 1, 0]
    drawn = drawn_vector(vector, np.random.default_rng(0))
    assert drawn @ vector == pytest.approx(0, abs=1e-12)
    assert np.linalg.norm(drawn) == pytest.approx(5**0.5)
    with pytest.raises(ValueError, match="END before layer 0: the vector is 0, both sides have the same stream there"):
        concept_vector(baseline, baseline, described="END before layer 0")


def test_effects_are_paired_and_beside_the_mean_of_random_vectors():
    metric = np.array([[1.0, 2, 3, 4], [3, 4, 5, 8], [1, 2, 3, 6], [2, 3, 4, 5]])
    right = np.array([[1, 1, 0, 0], [1, 1, 1, 0], [0, 0, 0, 0], [1, 1, 0, 0]], dtype=bool)
    values = EditValues(metric, right, right)
    effect = concept_effect(values, 1, [2, 3])
    assert (effect.metric.value, effect.change.value, effect.accuracy.n_hits) == (5, 2.5, 3)
    assert effect.accuracy_change.value == 0.25
    assert effect.random_change == (0.5, 1)
    assert effect.random_accuracy == (0, 0.5)
    assert effect.beyond_random is not None
    # Change 2 2 2 4 minus the mean of 0 0 0 2 and 1 1 1 1: 1.5 1.5 1.5 2.5.
    assert effect.beyond_random.value == 1.75
    assert effect.beyond_random.interval.low == pytest.approx(1.75 - 3.182446 * 0.25, abs=1e-5)
    assert concept_effect(values, 1).beyond_random is None


def test_answers_of_several_tokens_are_read_and_rows_that_go_on_take_them_in(family_model):
    model, metric = family_model("gpt2"), METRICS["log-probability-difference"]
    vector = np.random.default_rng(2).standard_normal(model.forward.weight_u.shape[1])

    def values(rows: str) -> Any:
        return concept_values(model, long_prompts(), AtLayer(1, rows), [0 * vector, vector], metric=metric).metric

    end, onward = values("END"), values("END..")
    assert np.array_equal(end[0], end[1])
    assert np.abs(end[2] - end[0]).min() > 1e-4
    differs = np.abs(end[2] - onward[2]) > 1e-4
    assert differs.tolist() == [True, True, False, True, True]


@pytest.mark.parametrize(
    ("at", "message"),
    [
        (AtLayer(4, "END"), "has no layer 4: give 0 to 2 for the stream that enters the layer, or 3 for the final one"),
        (AtLayer(-1, "END"), "has no layer -1"),
        (AtLayer(1, "S"), "prompt 0: no role 'S'"),
        (AtLayer(1, "99"), "prompt 0 has 9 tokens, and none at '99'"),
    ],
)
def test_what_is_not_there_is_refused_before_anything_runs(at, message, family_model, monkeypatch):
    model, prompts = family_model("gpt2"), random_prompts(2)
    monkeypatch.setattr(type(model.forward), "record", lambda *_, **__: pytest.fail("the model ran"))
    with pytest.raises(ValueError, match=message):
        streams_of(model, prompts, at)
    with pytest.raises(ValueError, match=message):
        concept_values(model, prompts, at, [], metric=LOGIT_DIFFERENCE)


def test_nothing_is_left_after_a_vector_too_large(family_model):
    model, prompts = family_model("gpt2"), random_prompts(3)
    ids = torch.tensor([prompts.prompts[0].clean])
    with torch.no_grad():
        before = model.bridge(ids)
    vector = np.full(model.forward.weight_u.shape[1], 1e38)
    vector[0] = np.inf
    with pytest.raises(ValueError, match="the metric is not finite: the model's numbers overflow"):
        concept_values(model, prompts, AtLayer(1, "END"), [vector], metric=LOGIT_DIFFERENCE)
    with torch.no_grad():
        assert torch.equal(model.bridge(ids), before)
