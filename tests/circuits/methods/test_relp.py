"""RelP: the forward pass is the model's own, and relevance is conserved."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from circuits.ablations import Zero
from circuits.data.prompts import Prompt, PromptSet
from circuits.effects.relp_rules import with_rules
from circuits.evaluation.faithfulness import measure_baseline
from circuits.methods import EdgeAttribution, RelevancePatching
from circuits.metrics import METRICS
from circuits.model.load import load_model, model_from_module
from tests.circuits.hand_models import QUESTION, write_detector
from tests.conftest import mostly_slow, random_module, random_prompts

LOGIT_DIFFERENCE = METRICS["logit-difference"]
FAMILIES = ("gpt2", "neox", "llama", "mistral", "qwen2", "qwen3")


@pytest.mark.parametrize("family", FAMILIES)
def test_the_rules_leave_the_forward_pass_as_it_was(family, family_model):
    forward = family_model(family).forward
    ids = torch.randint(50, (3, 9), generator=torch.Generator().manual_seed(0))
    expected, residual = (each.record(ids).residual[-1] for each in (forward, with_rules(forward)))
    torch.testing.assert_close(residual, expected, rtol=1e-4, atol=1e-4 * float(expected.abs().max()))
    logits = [each.logits(expected) for each in (forward, with_rules(forward))]
    torch.testing.assert_close(*logits, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("family", "part"),
    mostly_slow(
        itertools.product(FAMILIES, ["input", "m0"]),
        [("gpt2", "input"), ("gpt2", "m0"), ("neox", "input"), ("llama", "m0"), ("qwen3", "input")],
    ),
)
def test_relevance_is_conserved(family, part):
    """Without biases every rule passes on exactly the relevance that it receives. So with zero ablation, the scores
    of the input along all paths add up to the whole metric of the clean run."""
    module = random_module(family)
    for name, parameter in module.named_parameters():
        if name.endswith("bias"):
            parameter.data.zero_()
    model, prompts = model_from_module(module), random_prompts(4)
    scores = RelevancePatching().score(model, prompts, metric=LOGIT_DIFFERENCE, ablation=Zero()).node_scores()
    clean = measure_baseline(model, prompts, metric=LOGIT_DIFFERENCE, ablation=Zero()).clean
    if part == "input":
        np.testing.assert_allclose(scores.per_prompt[:, 0, 0], clean, atol=1e-3 * np.abs(clean).max())
    else:
        # Edges directly into the logits add up to the metric as well, whatever lies before them.
        edges = RelevancePatching().score(model, prompts, metric=LOGIT_DIFFERENCE, ablation=Zero())
        into_logits = [n for n, edge in enumerate(model.wiring.edges) if str(edge.target) == "logits"]
        total = edges.per_prompt[:, into_logits].sum(1)
        np.testing.assert_allclose(total, clean, atol=1e-3 * np.abs(clean).max())


def test_plain_gradients_do_not_conserve_it(family_model):
    """Conservation is a property of the rules, not of every estimate."""
    model, prompts = family_model("llama"), random_prompts(4)
    scores = EdgeAttribution().score(model, prompts, metric=LOGIT_DIFFERENCE, ablation=Zero()).node_scores()
    clean = measure_baseline(model, prompts, metric=LOGIT_DIFFERENCE, ablation=Zero()).clean
    assert np.abs(scores.per_prompt[:, 0, 0] - clean).max() > 0.1 * np.abs(clean).max()


def test_on_a_linear_path_it_is_exact_and_queries_and_keys_score_nothing(tmp_path):
    model = load_model(str(write_detector(tmp_path / "detector")))
    prompts = PromptSet("previous", (Prompt((0, 3, 1, QUESTION), (0, 3, 2, QUESTION), (1,), (2,)),))
    scores = RelevancePatching().score(model, prompts, metric=LOGIT_DIFFERENCE)
    by_edge = {str(edge): score for edge, score in zip(model.wiring.edges, scores.means, strict=True)}
    path = {"input->a0.h0<v>": 4, "a0.h0->a1.h1<v>": 4, "a1.h1->logits": 4}
    assert {name: score for name, score in by_edge.items() if abs(score) > 1e-5} == pytest.approx(path, abs=1e-4)


def test_an_mlp_that_cannot_be_taken_apart_is_refused_with_the_reason():
    import transformers as tf

    config = tf.MixtralConfig(
        vocab_size=50,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        intermediate_size=64,
        max_position_embeddings=64,
        num_local_experts=2,
        bos_token_id=None,
        eos_token_id=None,
    )
    model = model_from_module(tf.MixtralForCausalLM(config).eval())
    with pytest.raises(ValueError, match=r"relp cannot be used .* its MLP \w+ cannot be taken apart. Use eap"):
        RelevancePatching().score(model, random_prompts(2), metric=LOGIT_DIFFERENCE)
