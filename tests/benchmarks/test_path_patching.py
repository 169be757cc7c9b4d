"""Staged path patching beside sender-by-sender hooks on GPT2-Medium's shape, as a ratio within one run.

The hooks are the published recipe: per sender a run that records the receivers and one that puts them in, all prompts
at once. A few senders of every stage are run that way, and their time is scaled up to all that reach its receivers.
"""

from __future__ import annotations

import time
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch

from circuits.data.prompts import PromptSet
from circuits.methods import StagedPathPatching
from circuits.methods.base import CORRUPT
from circuits.methods.stages import compute_stages
from circuits.metrics import METRICS
from circuits.model.load import model_from_module
from pipelines.engine.meter import Meter
from tests.benchmarks.conftest import random_pairs, report, report_share

pytestmark = pytest.mark.benchmark

LOGIT_DIFFERENCE = METRICS["logit-difference"]
# Senders of every stage that are run through hooks.
SENDERS = 1
# A random model has no circuit: receivers are the heads that the paper names in GPT2-Medium.
STAGES = (
    "movers: logits @END",
    "inhibition: a15.h14<q>, a16.h15<q>, a17.h4<q>, a18.h5<q>, a19.h15<q> @END",
    "induction: a12.h3<v>, a13.h4<v>, a13.h13<v> @S2",
    "previous: a9.h3<k> @S1+1",
)
N_TOKENS, S2, AFTER_S1 = 62, 57, 43


@pytest.fixture(scope="module")
def gpt2_medium():
    """GPT2-Medium's shape with random weights, so large that heads attend to something: 24 layers, 16 heads."""
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(0)
    config = GPT2Config(n_embd=1024, n_layer=24, n_head=16, initializer_range=0.05)
    return model_from_module(GPT2LMHeadModel(config).eval(), name="gpt2-medium-shaped")


def test_staged_path_patching(gpt2_medium):
    """384 heads, 16 prompts x 62 tokens: movers at END, then queries at END, values at S2, keys after S1."""
    pairs = random_pairs(16, N_TOKENS, shared_prefix=0, vocabulary=50257)
    roles = {"S2": (S2,), "S1+1": (AFTER_S1,)}
    prompts = PromptSet("random", tuple(replace(prompt, roles=prompt.roles | roles) for prompt in pairs))
    method = StagedPathPatching(stages=STAGES)
    ours = {}

    def timed(compute, name, inputs):
        began = time.perf_counter()
        result = compute(inputs)
        ours[name] = time.perf_counter() - began
        return result

    stages = [replace(stage, compute=partial(timed, stage.compute, stage.name)) for stage in method.score_stages()]
    run = {"metric": LOGIT_DIFFERENCE, "ablation": CORRUPT}
    meter = Meter()
    meter.loading(lambda: gpt2_medium)
    with meter.running():
        results = compute_stages(stages, gpt2_medium, prompts, **run)
    scores = method.scores_from(results, gpt2_medium, prompts, **run)
    rows = method.findings(results.__getitem__).summary["path_stages"]["stages"]
    hooks, generator = Hooks(gpt2_medium, prompts), np.random.default_rng(0)
    theirs, deviations = 0.0, []
    for number, row in enumerate(rows):
        reached = np.flatnonzero(scores.measured[0, number])
        drawn = generator.choice(reached, size=min(SENDERS, len(reached)), replace=False)
        began = time.perf_counter()
        expected = np.stack([hooks.effects(scores.components[one], row["receivers"], row["at"]) for one in drawn])
        seconds = (time.perf_counter() - began) * len(reached) / len(drawn)
        theirs += seconds
        measured = scores.per_prompt[:, number]
        # As published, an effect is a share of what corrupting the prompts changes.
        deviation = float(np.abs(measured[:, drawn].T - expected).max() / np.abs(hooks.gaps).mean())
        deviations.append(deviation)
        into = (
            "logits" if row["receivers"] == ["logits"] else f"{len(row['receivers'])} heads' {row['receivers'][0][-2]}"
        )
        work = f"path patching into {into} at {row['at']}, {len(reached)} senders"
        our_seconds = ours[f"staged-paths-{number + 1}"]
        note = f"{deviation:.0e}; theirs from {len(drawn)} senders"
        report(work, "two hooked runs a sender", seconds, our_seconds, wanted=10, note=note)
    report("all four stages", "two hooked runs a sender", theirs, sum(ours.values()), wanted=10, note="")
    n_weights = sum(parameter.numel() for parameter in gpt2_medium.bridge.original_model.parameters())
    peak = meter.cost["peak_memory_mb"]
    report_share(
        "memory of the search above the model's", "the model", 4 * n_weights / 2**20, peak, wanted=1, unit="MB"
    )
    assert max(deviations) < 1e-4


class Hooks:
    """The published recipe with TransformerLens hooks, all prompts in a batch."""

    def __init__(self, model, prompts):
        self.bridge, self.n_layers, self.prompts = model.bridge, model.wiring.n_layers, prompts
        self.tokens = torch.tensor([prompt.clean for prompt in prompts])
        sites = [f"blocks.{layer}.attn.hook_z" for layer in range(self.n_layers)]
        with torch.no_grad():
            logits, self.clean = self.bridge.run_with_cache(self.tokens, names_filter=sites)
            corrupt = torch.tensor([prompt.corrupt for prompt in prompts])
            corrupt_logits, self.corrupt = self.bridge.run_with_cache(corrupt, names_filter=sites)
        self.clean_metric = self._metric(logits)
        self.gaps = self.clean_metric - self._metric(corrupt_logits)

    def effects(self, sender, receivers, at):
        """[prompt] clean minus patched metric."""
        position, recorded = self.prompts.prompts[0].roles[at][0], {}

        def freeze(value, hook, site):
            value = value.clone()
            value[:, position] = self.clean[site][:, position]
            if site == f"blocks.{sender.layer}.attn.hook_z":
                value[:, position, sender.index] = self.corrupt[site][:, position, sender.index]
            return value

        def record(value, hook, site):
            recorded[site] = value.clone()
            return value

        def put_in(value, hook, site, heads):
            value = value.clone()
            if heads is None:
                value[:, position] = recorded[site][:, position]
            else:
                value[:, position, heads] = recorded[site][:, position, heads]
            return value

        sites = {}
        for name in receivers:
            site, head = self._site(name)
            sites.setdefault(site, []).append(head)
        frozen = [f"blocks.{layer}.attn.hook_z" for layer in range(self.n_layers)]
        first = [(site, partial(freeze, site=site)) for site in frozen]
        first += [(site, partial(record, site=site)) for site in sites]
        second = [
            (site, partial(put_in, site=site, heads=None if None in heads else heads)) for site, heads in sites.items()
        ]
        with torch.no_grad():
            self.bridge.run_with_hooks(self.tokens, fwd_hooks=first)
            return self.clean_metric - self._metric(self.bridge.run_with_hooks(self.tokens, fwd_hooks=second))

    def _site(self, name):
        if name == "logits":
            return f"blocks.{self.n_layers - 1}.hook_resid_post", None
        layer, head = map(int, name[1 : name.index("<")].split(".h"))
        return f"blocks.{layer}.attn.hook_{name[-2]}", head

    def _metric(self, logits):
        answers = torch.tensor([[prompt.answers[0], prompt.wrong_answers[0]] for prompt in self.prompts])
        read = logits[:, -1].gather(1, answers)
        return (read[:, 0] - read[:, 1]).numpy()
