"""Head coding at GPT-2 small's size: 144 heads, 500 prompts, d_model 768, beside the published way of training.

`make bench` prints the table. Features are given: running the model is measured elsewhere.
"""

from __future__ import annotations

import resource
import time

import numpy as np
import pytest
import torch
from torch import nn

from circuits.head_codes.counting import Pairs, count_positive_only_pairs, pair_codes, shares_of_prompts
from circuits.head_codes.features import HeadFeatures
from circuits.head_codes.scoring import head_scores
from circuits.head_codes.settings import Coding, Recipe
from circuits.head_codes.training import generator_of, initial, train
from circuits.head_codes.trials import codes_of, train_trials
from tests.benchmarks.conftest import report, report_share, time_of

pytestmark = pytest.mark.benchmark

N_PROMPTS, N_LAYERS, N_HEADS, D_HEAD, D_MODEL, N_TRIALS = 500, 12, 144, 64, 768, 10
IS_POSITIVE = np.arange(N_PROMPTS) < N_PROMPTS // 2


@pytest.fixture(scope="module")
def features() -> HeadFeatures:
    """Each head's output is its own mean plus variation of a third of its size, as in real head outputs."""
    generator = generator_of("features")
    own = torch.randn(N_HEADS, D_HEAD, generator=generator)
    z = own + 0.3 * torch.randn(N_PROMPTS, N_HEADS, D_HEAD, generator=generator)
    return HeadFeatures(z, 0.05 * torch.randn(N_HEADS, D_HEAD, D_MODEL, generator=generator), N_LAYERS)


class Published(nn.Module):
    """An autoencoder as published code builds one: weights normalized in the forward pass, and a gradient hook."""

    def __init__(self, recipe: Recipe) -> None:
        super().__init__()
        weights = initial(recipe, D_MODEL, [0]).weights
        self.encoder = nn.Parameter(weights["encoder"][0].clone())
        self.encoder_bias = nn.Parameter(weights["encoder_bias"][0].clone())
        self.decoder = nn.Parameter(weights["decoder"][0].T.clone())
        self.bias = nn.Parameter(torch.zeros(D_MODEL))
        for weight in (self.encoder, self.decoder):
            weight.register_hook(lambda gradient, of=weight: gradient - (gradient * of).sum(-1, keepdim=True) * of)

    def forward(self, values: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        with torch.no_grad():
            for weight in (self.encoder, self.decoder):
                nn.functional.normalize(weight, dim=-1, out=weight)
        z = torch.relu(nn.functional.linear(values - self.bias, self.encoder, self.encoder_bias))
        return z, nn.functional.linear(z, self.decoder) + self.bias


def train_as_published(values: torch.Tensor, recipe: Recipe) -> Published:
    """One autoencoder trained on values [row, d_model] with torch's own differentiation."""
    module = Published(recipe)
    optimizer = torch.optim.Adam(module.parameters(), lr=recipe.learning_rate)
    for _ in range(recipe.epochs):
        optimizer.zero_grad()
        z, decoded = module(values)
        (nn.functional.mse_loss(decoded, values) + recipe.l1 * z.norm(p=1, dim=1).mean()).backward()
        optimizer.step()
    return module


def test_ten_trials(features):
    coding = Coding()
    rows = features.outputs(list(range(10))).flatten(0, 1)
    train(rows[None], Recipe(epochs=3), [0])  # the first matrix products of a process are slow
    theirs = time_of(lambda: train_as_published(rows, coding.recipe))
    alone = time_of(lambda: train(rows[None], coding.recipe, [0]))
    began = time.perf_counter()
    trained = train_trials(features, coding, range(N_TRIALS))
    stacked = time.perf_counter() - began
    codes = codes_of(features, trained, coding)
    scores = [head_scores(by, trial, IS_POSITIVE, n_layers=N_LAYERS) for trial in codes for by in ("counts", "pairs")]
    total = time.perf_counter() - began
    assert np.isfinite(scores).all()
    report("one autoencoder, 1,440 rows, 500 epochs", "torch's differentiation", theirs, alone, wanted=2, note="")
    report_share("a trial among ten", "one trial alone", alone, stacked / N_TRIALS, wanted=1.5, unit="s")
    report_share("ten trials, codes of 500 prompts, node and pair scores", "a minute", 60, total, wanted=1, unit="s")


def test_scoring(features):
    codes = random_codes()
    pairs = Pairs.of(N_HEADS)
    head_scores("pairs", codes[0], IS_POSITIVE, n_layers=N_LAYERS)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.perf_counter()
    for trial in codes:
        head_scores("counts", trial, IS_POSITIVE, n_layers=N_LAYERS)
        for _, together in pair_codes(trial, pairs):
            shares_of_prompts(together, IS_POSITIVE)
    total = time.perf_counter() - began
    grown_mb = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    report_share("node and pair scores per prompt, ten trials", "five seconds", 5, total, wanted=1, unit="s")
    report_share("their memory", "300 MB", 300, grown_mb, wanted=1, unit="MB")
    one = time_of(lambda: count_positive_only_pairs(codes[0], IS_POSITIVE, pairs))
    dense = time_of(lambda: dense_pair_counts(codes[0, :, :24])) * (N_HEADS * (N_HEADS - 1)) / (24 * 23)
    report("pair counts, one trial", "dense co-occurrence (24 heads, scaled)", dense, one, wanted=10, note="")


def random_codes() -> np.ndarray:
    """Random codes [trial, prompt, head] of 200 features: the hardest case, in which nearly all pairs differ."""
    return np.random.default_rng(0).integers(0, 200, (N_TRIALS, N_PROMPTS, N_HEADS), dtype=np.int32)


def dense_pair_counts(codes: np.ndarray) -> np.ndarray:
    """Pair counts from the table [head, head, code, code] of co-occurrences, as published code fills it."""
    n_heads, sides = codes.shape[1], []
    for side in (codes[IS_POSITIVE], codes[~IS_POSITIVE]):
        table = np.zeros((n_heads, n_heads, 200, 200))
        for prompt in side:
            for first in range(n_heads):
                for second in range(n_heads):
                    table[first, second, prompt[first], prompt[second]] += 1
        sides.append(table)
    return ((sides[0] > 0) & (sides[1] == 0)).sum(axis=(2, 3))
