"""Edge attribution: by hand, against TransformerLens, and its laws."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from circuits.components import Edge
from circuits.data.prompts import Prompt, PromptSet
from circuits.effects.contributions import gaps_between
from circuits.effects.gradients import edge_effects, gradients
from circuits.effects.paired_runs import record_pair
from circuits.methods import EdgeAttribution
from circuits.methods.base import CORRUPT
from circuits.metrics import METRICS
from circuits.model.batches import batches
from circuits.model.load import load_model, model_from_module
from tests.circuits.hand_models import QUESTION, write_detector
from tests.conftest import MORE_FAMILIES, random_module, random_prompts

LOGIT_DIFFERENCE = METRICS["logit-difference"]
EDGE_FAMILIES = ("gpt2", "neox", "llama", "mistral", "qwen2", "qwen3", *MORE_FAMILIES)


def test_the_hand_models_path_is_found_and_nothing_else(tmp_path):
    """Head outputs are linear in the values, so EAP is exact there: 4 along the path; a saturated softmax has no
    gradient, so queries and keys score 0."""
    model = load_model(str(write_detector(tmp_path / "detector")))
    prompts = PromptSet("previous", (Prompt((0, 3, 1, QUESTION), (0, 3, 2, QUESTION), (1,), (2,)),))
    scores = EdgeAttribution().score(model, prompts, metric=LOGIT_DIFFERENCE)
    path = {"input->a0.h0<v>": 4, "a0.h0->a1.h1<v>": 4, "a1.h1->logits": 4}
    by_edge = {str(edge): score for edge, score in zip(model.wiring.edges, scores.means, strict=True)}
    assert {name: score for name, score in by_edge.items() if abs(score) > 1e-5} == pytest.approx(path, abs=1e-4)
    assert scores.measured.all()


@pytest.mark.parametrize("family", ["gpt2", "neox", "llama", "mistral", "qwen2", "qwen3", "smollm3", "glm"])
def test_equals_transformer_lens_edge_attribution_on_one_pair(family):
    """TransformerLens takes gradients at its corrupt prompt and restores, so the two prompts are exchanged. It has
    no edges for grouped keys."""
    from transformer_lens.tools.analysis.attribution_patching import EdgeAttributionConfig, attribution_patch

    model, prompts = model_from_module(random_module(family, is_grouped=False)), random_prompts(1)
    prompt = prompts.prompts[0]
    ours = EdgeAttribution().score(model, prompts, metric=LOGIT_DIFFERENCE)

    def metric(logits):
        read = logits[0, prompt.answer_position]
        return read[prompt.answers[0]] - read[prompt.wrong_answers[0]]

    model.bridge.original_model.requires_grad_(True)  # TransformerLens differentiates through the parameters
    theirs = attribution_patch(
        model.bridge,
        torch.tensor([prompt.corrupt]),
        torch.tensor([prompt.clean]),
        metric,
        EdgeAttributionConfig(granularity="edge"),
    )
    by_name = {}
    for (source, target), score in theirs.edge_scores.items():
        name = our_edge(source, target)
        by_name[name] = by_name.get(name, 0.0) - score  # token and position embeddings are one `input` of ours
    names = [str(edge) for edge in model.wiring.edges]
    assert set(by_name) == set(names)
    expected = np.array([by_name[name] for name in names])
    assert np.corrcoef(ours.means, expected)[0, 1] >= 0.9999
    np.testing.assert_allclose(ours.means, expected, atol=1e-4 * np.abs(expected).max())


def our_edge(source, target) -> str:
    """Our name of an edge between two TransformerLens nodes."""
    if source.kind in ("embed", "pos_embed"):
        writer = "input"
    else:
        writer = f"a{source.layer}.h{source.head}" if source.head is not None else f"m{source.layer}"
    if target.kind == "logits":
        return f"{writer}->logits"
    if target.head is None:
        return f"{writer}->m{target.layer}"
    port = next(port for port in "qkv" if target.kind.startswith((f"{port}_", f"attn_{port}", port)))
    return f"{writer}->a{target.layer}.h{target.head}<{port}>"


@pytest.mark.parametrize("family", EDGE_FAMILIES)
@pytest.mark.parametrize("shared_prefix", [0, 4])
def test_attribution_equals_the_exact_effect_of_a_small_corruption(family, shared_prefix, family_model):
    """A corruption a thousandth of the way has first-order effects only: exact single-edge effects must then agree."""
    from circuits.effects.circuit_runs import metric_with_edges

    model, prompts = family_model(family), random_prompts(4, length=6, shared_prefix=shared_prefix)
    forward, n_edges = model.forward, model.wiring.n_edges
    edges = np.random.default_rng(0).choice(n_edges, size=60, replace=False)
    without_one = np.ones((len(edges) + 1, n_edges), dtype=bool)
    without_one[np.arange(len(edges)), edges] = False
    for batch in batches(prompts, forward):
        pair = record_pair(forward, batch, LOGIT_DIFFERENCE, CORRUPT)
        whole = forward.record(batch.clean)
        step = 1e-3 * (pair.ablated.residual[0] - pair.clean.residual[0])
        nearby = forward.record_from(
            pair.clean.residual[0] + step, n_positions=batch.n_positions, start=batch.start, earlier=whole
        )
        pair = pair._replace(ablated=nearby)
        estimate = edge_effects(
            forward, model.wiring, pair.batch, gaps_between(pair.clean, pair.ablated), gradients(forward, pair)
        )[:, edges].numpy()
        values = metric_with_edges(model, pair, torch.from_numpy(without_one)).detach().numpy()
        exact = (values[-1] - values[:-1]).T
        assert np.corrcoef(estimate.ravel(), exact.ravel())[0, 1] > 0.999


@pytest.mark.parametrize("family", EDGE_FAMILIES)
def test_edges_from_the_last_layer_to_the_logits_sum_to_its_gradient_times_gap(family, family_model):
    """Direct edges share one gradient, so their sum is that gradient on the whole change of the final stream."""
    model, prompts = family_model(family), random_prompts(4)
    scores = EdgeAttribution().score(model, prompts, metric=LOGIT_DIFFERENCE)
    first = model.wiring.edge_index(Edge.parse("input->logits"))
    for batch in batches(prompts, model.forward):
        pair = record_pair(model.forward, batch, LOGIT_DIFFERENCE, CORRUPT)
        gap = model.forward.at_rows(
            pair.clean.residual[-1] - pair.ablated.residual[-1], batch.answer_positions, batch.start
        )
        expected = (gap * gradients(model.forward, pair).final[:, 0]).sum(-1)
        direct = scores.per_prompt[list(batch.prompt_indices), first:].sum(1)
        np.testing.assert_allclose(direct, expected.numpy(), rtol=1e-3, atol=1e-4)


def test_prompts_are_scored_one_by_one(family_model):
    model, prompts = family_model("llama"), random_prompts(5)
    together = EdgeAttribution().score(model, prompts, metric=LOGIT_DIFFERENCE)
    alone = [EdgeAttribution().score(model, prompts[i : i + 1], metric=LOGIT_DIFFERENCE) for i in range(len(prompts))]
    expected = np.concatenate([scores.per_prompt for scores in alone])
    np.testing.assert_allclose(together.per_prompt, expected, atol=1e-4 * np.abs(expected).max())


def test_post_norm_models_are_refused_with_the_reason(family_model):
    with pytest.raises(ValueError, match="'eap' cannot run on 'tiny-gemma2': a norm after the attention"):
        EdgeAttribution().score(family_model("gemma2"), random_prompts(), metric=LOGIT_DIFFERENCE)


@pytest.mark.parametrize("name", ["hist", "frac_prevs_causal"])
def test_edges_impossible_by_weights_score_exactly_zero(name, sample_model):
    import json

    from circuits.data.prompt_files import read_prompts
    from tests.conftest import SAMPLES

    model = sample_model(name)
    prompts = read_prompts(SAMPLES / name / "prompts.jsonl")
    truth = json.loads((SAMPLES / name / "truth.json").read_text())
    scores = EdgeAttribution().score(model, prompts, metric=METRICS["answer-logit"])
    for edge, score in zip(model.wiring.edges, np.abs(scores.per_prompt).max(0), strict=True):
        if str(edge) not in truth["edges_possible_by_weights"]:
            assert score <= 1e-6, edge


def test_prompts_without_a_difference_are_refused(family_model):
    prompts = PromptSet("same", (Prompt((1, 2, 3), (1, 2, 3), (4,), (5,)),))
    with pytest.raises(ValueError, match="the same tokens in 1 of 1 pair "):
        EdgeAttribution().score(family_model("gpt2"), prompts, metric=LOGIT_DIFFERENCE)
