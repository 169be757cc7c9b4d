"""Cost in plain passes of the same prompts: transformers' forward pass, and our own forward and backward pass.

`make bench` prints the table. Works that are compared take turns; times are medians.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch

from circuits.ablations import Corrupt
from circuits.effects.gradients import gradients
from circuits.effects.paired_runs import record_pair
from circuits.evaluation.budgets import BUDGETS, budget_circuits
from circuits.evaluation.faithfulness import circuit_values
from circuits.methods import EdgeAttribution, ExactEdges, IntegratedEdgeAttribution
from circuits.metrics import METRICS
from circuits.model.batches import batches
from tests.benchmarks.conftest import medians, peak_megabytes, random_pairs, report, report_share

pytestmark = pytest.mark.benchmark

LOGIT_DIFFERENCE = METRICS["logit-difference"]


def _plain_forward(model, prompts):
    """transformers' own forward pass over the clean prompts."""
    ids = torch.tensor([prompt.clean for prompt in prompts])

    def run():
        with torch.no_grad():
            model.bridge.original_model(ids)

    return run


def _transformers_gradient(model, prompts):
    """transformers' own forward pass over the clean prompts, and the backward pass to the embedding."""
    module = model.bridge.original_model
    ids = torch.tensor([prompt.clean for prompt in prompts])
    answers = torch.tensor([[prompt.answers[0]] for prompt in prompts])

    def run():
        with torch.enable_grad():
            embedded = module.get_input_embeddings()(ids).detach().requires_grad_()
            logits = module(inputs_embeds=embedded).logits[:, -1]
            torch.autograd.grad(logits.gather(1, answers).sum(), embedded)

    return run


def _plain_gradient(model, prompts):
    """The least we can do: our own forward pass to the answers' logits, and the backward pass to the embedding."""
    from circuits.effects.gradients import gradients_of

    forward = model.forward
    (batch,) = batches(prompts, forward)
    pair = record_pair(forward, batch, LOGIT_DIFFERENCE, Corrupt())

    def run():
        with torch.enable_grad():
            entering = pair.clean.residual[0].detach().requires_grad_()
            final = forward.run(entering, n_positions=batch.n_positions, rows=batch.answer_positions)
            gradients_of(pair, final, [entering])

    return run


def test_attribution(toy):
    prompts = random_pairs(8, 16, shared_prefix=0, vocabulary=1000)
    methods = (EdgeAttribution(), IntegratedEdgeAttribution(steps=5))
    works = [lambda method=method: method.score(toy, prompts, metric=LOGIT_DIFFERENCE) for method in methods]
    plain = [_transformers_gradient(toy, prompts), _plain_gradient(toy, prompts)]
    theirs, own, eap, integrated = medians([*plain, *works], repeats=25)
    for against, pass_seconds in (("transformers'", theirs), ("our own", own)):
        one = f"{against} forward and backward pass"
        report_share("edge attribution, 8 pairs", one, pass_seconds, eap, wanted=3, unit="s")
        report_share("EAP-IG, 5 steps, 8 pairs", f"{one} x 5", 5 * pass_seconds, integrated, wanted=1.6, unit="s")


def test_exact_edges(toy):
    prompts = random_pairs(8, 16, shared_prefix=0, vocabulary=1000)
    works = [_plain_forward(toy, prompts), lambda: ExactEdges().score(toy, prompts, metric=LOGIT_DIFFERENCE)]
    plain, exact = medians(works, repeats=5)
    n_edges = toy.wiring.n_edges
    work = f"exact edges, all {n_edges:,}, 8 pairs: edges in the time of"
    report(work, "one plain forward pass", plain, exact / n_edges, wanted=6, note="")


def test_faithfulness_curve(gpt2_small):
    prompts = random_pairs(16, 15, shared_prefix=0, vocabulary=50257)
    scores = EdgeAttribution().score(gpt2_small, prompts, metric=LOGIT_DIFFERENCE)
    masks = np.concatenate([budget_circuits(scores, absolute=absolute) for absolute in (False, True)])
    works = [
        _plain_forward(gpt2_small, prompts),
        lambda: circuit_values(gpt2_small, prompts, masks, metric=LOGIT_DIFFERENCE),
    ]
    plain, curve = medians(works, repeats=3)
    n_circuits = 2 * len(BUDGETS)
    work = "MIB curve, 10 budgets x 2 rankings"
    report_share(work, f"{n_circuits} plain forward passes", n_circuits * plain, curve, wanted=1.5, unit="s")


def test_memory_of_edge_attribution(gpt2_small):
    """Memory above what a forward and backward pass with a gradient at every reader holds anyway."""
    prompts = random_pairs(16, 15, shared_prefix=0, vocabulary=50257)
    forward = gpt2_small.forward
    (batch,) = batches(prompts, forward)
    pair = record_pair(forward, batch, LOGIT_DIFFERENCE, Corrupt())
    alone = peak_megabytes(lambda: gradients(forward, pair))
    whole = peak_megabytes(lambda: EdgeAttribution().score(gpt2_small, prompts, metric=LOGIT_DIFFERENCE))
    tensor = 16 * 15 * len(gpt2_small.wiring.writers) * 768 * 4 / 2**20
    against = "one [prompt, position, writer, d_model] tensor"
    report_share(
        "memory of edge attribution above its gradients", against, tensor, whole - alone, wanted=0.25, unit="MB"
    )
