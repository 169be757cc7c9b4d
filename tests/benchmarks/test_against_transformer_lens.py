"""Speed beside TransformerLens, as ratios within one run: same model, same prompts, same numbers, same threads.

`make bench` prints the table, on one thread. Times are medians of several runs, except for TransformerLens' long
sweeps, which run once. Numbers that differ fail; a ratio below the wanted one is marked in the table.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch

from circuits.methods import ActivationPatching, EdgeAttribution
from circuits.metrics import METRICS
from tests.benchmarks.conftest import medians, random_pairs, report, time_of
from tests.circuits.methods.test_eap import our_edge

pytestmark = pytest.mark.benchmark

LOGIT_DIFFERENCE = METRICS["logit-difference"]
PAIRS = [(0, "differ everywhere"), (10, "differ from two thirds on")]
# TransformerLens runs this share of the patches of the sweep over positions, drawn at random; its time is scaled up.
SHARE = 1 / 45


def _sides(prompts):
    """Clean and corrupt ids, and TransformerLens' metric of logits."""
    clean = torch.tensor([prompt.clean for prompt in prompts])
    corrupt = torch.tensor([prompt.corrupt for prompt in prompts])
    answers = torch.tensor([[prompt.answers[0], prompt.wrong_answers[0]] for prompt in prompts])

    def metric(logits):
        read = logits[:, -1].gather(1, answers)
        return (read[:, 0] - read[:, 1]).mean()

    return clean, corrupt, metric


@pytest.mark.parametrize(("shared_prefix", "kind"), PAIRS)
def test_head_sweep(gpt2_small, shared_prefix, kind):
    """144 heads, 16 prompts x 15 tokens, all positions at once."""
    from transformer_lens.patching import get_act_patch_attn_head_out_all_pos

    model, prompts = gpt2_small, random_pairs(16, 15, shared_prefix=shared_prefix, vocabulary=50257)
    clean, corrupt, metric = _sides(prompts)
    effects = {}

    def theirs():
        with torch.no_grad():
            # Their sweep patches activations of the cached run into the other: corrupt into clean, as ours does.
            _, cache = model.bridge.run_with_cache(corrupt)
            patched = get_act_patch_attn_head_out_all_pos(model.bridge, clean, cache, metric)
            effects["theirs"] = metric(model.bridge(clean)) - patched

    def ours():
        scores = ActivationPatching(kinds=("head",)).score(model, prompts, metric=LOGIT_DIFFERENCE)
        effects["ours"] = scores.means[0]

    their_seconds, (our_seconds,) = time_of(theirs), medians([ours], repeats=3)
    deviation = _deviation(effects["ours"], effects["theirs"].flatten().numpy())
    wanted = 12 if shared_prefix else 5
    work = f"head sweep, 144 heads, pairs {kind}"
    report(work, "TransformerLens", their_seconds, our_seconds, wanted=wanted, note=f"{deviation:.0e}")


@pytest.mark.parametrize(("shared_prefix", "kind"), PAIRS)
def test_head_and_position_sweep(gpt2_small, shared_prefix, kind):
    """144 heads x 15 positions."""
    import pandas as pd
    from transformer_lens.patching import generic_activation_patch, layer_pos_head_vector_patch_setter

    model, prompts = gpt2_small, random_pairs(16, 15, shared_prefix=shared_prefix, vocabulary=50257)
    clean, corrupt, metric = _sides(prompts)
    every = [(layer, position, head) for layer in range(12) for position in range(15) for head in range(12)]
    drawn = np.random.default_rng(0).choice(len(every), size=round(SHARE * len(every)), replace=False)
    some = [every[number] for number in sorted(drawn)]
    effects = {}

    def theirs():
        with torch.no_grad():
            _, cache = model.bridge.run_with_cache(corrupt)
            patched = generic_activation_patch(
                model.bridge,
                clean,
                cache,
                metric,
                layer_pos_head_vector_patch_setter,
                "z",
                index_df=pd.DataFrame(some, columns=["layer", "pos", "head"]),
            )
            effects["theirs"] = metric(model.bridge(clean)) - patched

    def ours():
        scores = ActivationPatching(kinds=("head",), at="positions").score(model, prompts, metric=LOGIT_DIFFERENCE)
        effects["ours"] = scores.means

    their_seconds = time_of(theirs) * len(every) / len(some)
    our_seconds = time_of(ours)
    chosen = [effects["ours"][position, 12 * layer + head] for layer, position, head in some]
    deviation = _deviation(np.array(chosen), effects["theirs"].flatten().numpy())
    wanted = 30 if shared_prefix else 8
    work = f"head x position sweep, 2,160 patches, pairs {kind}"
    note = f"{deviation:.0e}; theirs from {len(some)} patches"
    report(work, "TransformerLens", their_seconds, our_seconds, wanted=wanted, note=note)


def test_edge_attribution(toy):
    """8 pairs x 16 tokens, which TransformerLens processes one by one."""
    from transformer_lens.tools.analysis.attribution_patching import EdgeAttributionConfig, attribution_patch

    prompts = random_pairs(8, 16, shared_prefix=0, vocabulary=1000)
    scores = {}

    def theirs():
        scores["theirs"] = [
            attribution_patch(
                toy.bridge,
                torch.tensor([prompt.corrupt]),
                torch.tensor([prompt.clean]),
                lambda logits, prompt=prompt: logits[0, -1, prompt.answers[0]] - logits[0, -1, prompt.wrong_answers[0]],
                EdgeAttributionConfig(granularity="edge"),
            )
            for prompt in prompts
        ]

    def ours():
        scores["ours"] = EdgeAttribution().score(toy, prompts, metric=LOGIT_DIFFERENCE)

    toy.bridge.original_model.requires_grad_(True)  # their gradients run through the parameters
    (their_seconds,) = medians([theirs], repeats=3)
    toy.bridge.original_model.requires_grad_(False)
    (our_seconds,) = medians([ours], repeats=15)
    names = [str(edge) for edge in toy.wiring.edges]
    expected = np.zeros((len(prompts), len(names)))
    for row, result in zip(expected, scores["theirs"], strict=True):
        for (source, target), score in result.edge_scores.items():
            row[names.index(our_edge(source, target))] -= score
    deviation = _deviation(scores["ours"].per_prompt, expected)
    work = "edge attribution, 8 pairs, 1,519 edges"
    report(work, "TransformerLens", their_seconds, our_seconds, wanted=30, note=f"{deviation:.0e}")


def _deviation(values, expected) -> float:
    """Largest difference, relative to the largest value; more than rounding fails."""
    deviation = float(np.abs(values - expected).max() / np.abs(expected).max())
    assert deviation < 1e-4
    return deviation
