"""Speed beside TransformerLens, as ratios within one run: same model, same prompts, same numbers, same threads.

`make bench` prints the table, on one thread; `OMP_NUM_THREADS=2 make bench` on two. Medians of several runs, except for
the slow tool's long sweeps, which run once. Numbers that differ fail; a ratio below what is wanted is printed as such.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from circuits.methods import ActivationPatching, EdgeAttribution
from circuits.metrics import METRICS
from circuits.models import Model, model_from_module
from circuits.prompts import Prompt, PromptSet
from tests.circuits.test_eap import our_edge

pytestmark = pytest.mark.benchmark

LOGIT_DIFFERENCE = METRICS["logit-difference"]


def seconds(work: Callable[[], Any], *, repeats: int = 3) -> float:
    """Median wall time of a few runs after a first one that is not counted."""
    work()
    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return statistics.median(times)


def report(work: str, theirs: float, ours: float, wanted: float, deviation: float) -> None:
    """Print one row of the table."""
    verdict = "reached" if theirs / ours >= wanted else "NOT REACHED"
    sys.stdout.write(
        f"\n| {work} | {theirs:.3g} s | {ours:.3g} s | {theirs / ours:.1f}x | {wanted:g}x {verdict} | {deviation:.0e} "
        f"| {torch.get_num_threads()} |\n"
    )


@pytest.fixture(scope="module")
def gpt2_small() -> Model:
    """GPT-2 small's shape with random weights."""
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(0)
    return model_from_module(GPT2LMHeadModel(GPT2Config()).eval(), name="gpt2-small-shaped")


def random_pairs(n_prompts: int, length: int, *, shared_prefix: int, vocabulary: int) -> PromptSet:
    generator = np.random.default_rng(0)
    prompts = []
    for _ in range(n_prompts):
        clean, corrupt = generator.integers(vocabulary, size=(2, length)).tolist()
        answers = generator.choice(vocabulary, size=2, replace=False).tolist()
        corrupt = clean[:shared_prefix] + corrupt[shared_prefix:]
        prompts.append(Prompt(tuple(clean), tuple(corrupt), (answers[0],), (answers[1],)))
    return PromptSet("random", tuple(prompts))


@pytest.mark.parametrize(
    ("shared_prefix", "wanted"), [(0, 4), (10, 8)], ids=["differ everywhere", "differ at two thirds"]
)
def test_head_sweep(gpt2_small, shared_prefix, wanted):
    """144 heads, 16 prompts x 15 tokens, all positions, pairs that differ from the first token or from the eleventh."""
    from transformer_lens.patching import get_act_patch_attn_head_out_all_pos

    model, prompts = gpt2_small, random_pairs(16, 15, shared_prefix=shared_prefix, vocabulary=50257)
    clean = torch.tensor([prompt.clean for prompt in prompts])
    corrupt = torch.tensor([prompt.corrupt for prompt in prompts])
    answers = torch.tensor([[prompt.answers[0], prompt.wrong_answers[0]] for prompt in prompts])

    def metric(logits):
        read = logits[:, -1].gather(1, answers)
        return (read[:, 0] - read[:, 1]).mean()

    def theirs():
        with torch.no_grad():
            # Their sweep puts values of the cached run into the other: corrupt ones into the clean run, as ours does.
            _, cache = model.bridge.run_with_cache(corrupt)
            return metric(model.bridge(clean)) - get_act_patch_attn_head_out_all_pos(model.bridge, clean, cache, metric)

    method = ActivationPatching(parts=("head",))
    began = time.perf_counter()
    expected = theirs().flatten().numpy()
    their_seconds = time.perf_counter() - began
    found = method.score(model, prompts, metric=LOGIT_DIFFERENCE).means[0]
    deviation = float(np.abs(found - expected).max() / np.abs(expected).max())
    assert deviation < 1e-4
    our_seconds = seconds(lambda: method.score(model, prompts, metric=LOGIT_DIFFERENCE))
    report(f"sweep of 144 heads, {shared_prefix} tokens shared", their_seconds, our_seconds, wanted, deviation)


def test_edge_attribution_of_one_pair():
    """4 layers, 8 heads, d=128, 16 tokens: 1,519 edges."""
    from transformer_lens.tools.analysis.attribution_patching import EdgeAttributionConfig, attribution_patch
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(0)
    config = GPT2Config(vocab_size=1000, n_embd=128, n_layer=4, n_head=8, n_positions=64)
    model = model_from_module(GPT2LMHeadModel(config).eval(), name="toy")
    prompts = random_pairs(1, 16, shared_prefix=0, vocabulary=1000)
    prompt = prompts.prompts[0]

    def theirs():
        return attribution_patch(
            model.bridge,
            torch.tensor([prompt.corrupt]),
            torch.tensor([prompt.clean]),
            lambda logits: logits[0, -1, prompt.answers[0]] - logits[0, -1, prompt.wrong_answers[0]],
            EdgeAttributionConfig(granularity="edge"),
        )

    model.bridge.original_model.requires_grad_(True)  # their gradients run through the parameters
    expected = dict.fromkeys(map(str, model.wiring.edges), 0.0)
    for (source, target), score in theirs().edge_scores.items():
        expected[our_edge(source, target)] -= score
    their_seconds = seconds(theirs)
    model.bridge.original_model.requires_grad_(False)
    scores = EdgeAttribution().score(model, prompts, metric=LOGIT_DIFFERENCE)
    values = np.array(list(expected.values()))
    deviation = float(np.abs(scores.means - values).max() / np.abs(values).max())
    assert deviation < 1e-4
    our_seconds = seconds(lambda: EdgeAttribution().score(model, prompts, metric=LOGIT_DIFFERENCE), repeats=9)
    report("edge attribution of one pair", their_seconds, our_seconds, 5, deviation)
