"""Cost on a real model (`make pretrained`), in plain passes of the same prompts by transformers itself."""

from __future__ import annotations

import time

import numpy as np
import pytest
import torch

from circuits.data.prompts import PromptSet
from circuits.evaluation.budgets import budget_circuits
from circuits.evaluation.criteria import CircuitRunner
from circuits.evaluation.faithfulness import circuit_values, recorded_pairs
from circuits.evaluation.knockouts import knockout_values, search_knockouts
from circuits.methods import EdgeAttribution
from circuits.metrics import METRICS
from circuits.model.batches import batches
from circuits.model.prompt_check import longest, require_reproduced
from circuits.profiles import measure_profiles
from circuits.tasks import TASKS
from pipelines.evaluate.plan import knockout_search
from pipelines.evaluate.settings import EvaluateSettings
from pipelines.profile.given import profiles_from
from tests.benchmarks.conftest import medians, peak_megabytes, random_pairs, report_share, time_of

pytestmark = pytest.mark.benchmark

LOGIT_DIFFERENCE = METRICS["logit-difference"]
N_PROMPTS = 8


@pytest.fixture
def prompts(pretrained):
    return TASKS["ioi"]().build(pretrained.tokenizer, n=N_PROMPTS, seed=0)


def plain_passes(model, prompts, *, has_backward: bool):
    """transformers' own passes over the clean prompts, those of one length together; with the gradient of the answers'
    logits at the embedding."""
    module, together = model.original, list(batches(prompts, model.forward, shares_prefix=False))

    def run():
        for batch in together:
            answers = torch.tensor([prompt.answers[0] for prompt in batch.prompts])
            with torch.set_grad_enabled(has_backward):
                embedded = module.get_input_embeddings()(batch.clean).detach().requires_grad_(has_backward)
                logits = module(inputs_embeds=embedded).logits
                logits = logits[torch.arange(len(batch)), batch.answer_positions, answers]
                if has_backward:
                    torch.autograd.grad(logits.sum(), embedded)

    return run


def test_edge_attribution(pretrained, prompts):
    works = [
        plain_passes(pretrained, prompts, has_backward=True),
        lambda: EdgeAttribution().score(pretrained, prompts, metric=LOGIT_DIFFERENCE),
    ]
    plain, ours = medians(works, repeats=3)
    work = f"smollm2-135m: edge attribution, {pretrained.wiring.n_edges:,} edges, {N_PROMPTS} IOI pairs"
    report_share(work, "transformers' forward and backward pass", plain, ours, wanted=3, unit="s")


def test_running_a_circuit(pretrained, prompts):
    kept = np.random.default_rng(0).random((4, pretrained.wiring.n_edges)) < 0.05
    works = [
        plain_passes(pretrained, prompts, has_backward=False),
        lambda: circuit_values(pretrained, prompts, kept, metric=LOGIT_DIFFERENCE),
    ]
    plain, ours = medians(works, repeats=3)
    work = f"smollm2-135m: a circuit of 5 % of its edges, {N_PROMPTS} IOI pairs, 4 at once"
    report_share(work, "4 plain forward passes", 4 * plain, ours, wanted=1.5, unit="s")


def test_circuits_at_the_budgets(pretrained):
    """One circuit beyond the recorded runs, on average, one circuit after the other; CPU time."""
    prompts = TASKS["ioi"]().build(pretrained.tokenizer, n=32, seed=0)
    scores = EdgeAttribution().score(pretrained, prompts, metric=LOGIT_DIFFERENCE)
    circuits = budget_circuits(scores, absolute=True)[:-1]  # the last is the whole model, which is not run again
    pairs = recorded_pairs(pretrained, prompts, metric=LOGIT_DIFFERENCE)
    together = list(batches(prompts, pretrained.forward, shares_prefix=False))

    def plain():
        with torch.no_grad():
            for batch in together:
                pretrained.original(batch.clean, logits_to_keep=1)

    def run():
        circuit_values(pretrained, prompts, circuits, metric=LOGIT_DIFFERENCE, pairs=pairs)

    plain_seconds, seconds = medians([plain, run], repeats=5, clock=time.process_time)
    work = f"smollm2-135m: a circuit, mean of the {len(circuits)} MIB budgets below 1, {len(prompts)} IOI pairs"
    against = "a plain forward pass, last logits"
    report_share(work, against, plain_seconds, seconds / len(circuits), wanted=0.35, unit="s")


def test_knock_outs_of_a_large_circuit(pretrained, prompts):
    scores = EdgeAttribution().score(pretrained, prompts, metric=LOGIT_DIFFERENCE)
    runner = CircuitRunner(pretrained, prompts, LOGIT_DIFFERENCE)
    circuit = budget_circuits(scores, absolute=True)[4]  # 2 % of the edges
    search = knockout_search(len(runner.parts.members(circuit)), EvaluateSettings(runs=("",)))

    def knock_out():
        sets = search_knockouts(runner.values, runner.removal_effects, runner.parts, circuit, search)
        knockout_values(runner.values, runner.parts, circuit, sets)

    plain = min(time_of(plain_passes(pretrained, prompts, has_backward=False)) for _ in range(3))
    ours = time_of(knock_out)  # once: it takes a minute
    n = len(runner.parts.members(circuit))
    work = f"smollm2-135m: knock-outs of a circuit of {n} heads and MLPs, {N_PROMPTS} IOI pairs"
    report_share(work, "a plain forward pass", plain, ours, wanted=80, unit="s")


def test_the_check_on_the_longest_prompts(pretrained, prompts):
    chosen = longest(prompts)
    works = [
        plain_passes(pretrained, PromptSet("longest", chosen), has_backward=False),
        lambda: require_reproduced(pretrained.forward, pretrained.original, chosen),
    ]
    plain, ours = medians(works, repeats=3)
    work = f"smollm2-135m: the check of a run on its {len(chosen)} longest prompts"
    report_share(work, "4 plain forward passes", 4 * plain, ours, wanted=1, unit="s")


def test_profiles_of_all_heads(pretrained):
    """All profiles that `circuits profile` reads by default of 64 prompts of 64 tokens; CPU time, and memory."""
    prompts = random_pairs(64, 64, shared_prefix=0, vocabulary=pretrained.tokenizer.vocab_size)
    profiles = profiles_from(())
    ids = torch.tensor([prompt.clean for prompt in prompts])

    def plain():
        with torch.no_grad():
            pretrained.original(ids, logits_to_keep=1)

    def run():
        measure_profiles(pretrained, prompts, profiles)

    plain_seconds, seconds = medians([plain, run], repeats=3, clock=time.process_time)
    work = f"smollm2-135m: {len(profiles)} profiles of {pretrained.wiring.n_heads * pretrained.wiring.n_layers} heads"
    report_share(work, "a plain forward pass, last logits", plain_seconds, seconds, wanted=1.5, unit="s")
    extra = peak_megabytes(run) - peak_megabytes(plain)
    report_share(f"{work}: memory beyond that", "500 MB", 500, extra, wanted=1, unit="MB")
