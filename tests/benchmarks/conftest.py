"""What the benchmarks share: two random models, prompts, and how rows are measured and printed."""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
import torch

from circuits.data.prompts import Prompt, PromptSet
from circuits.model.load import Model, model_from_module


def time_of(work: Callable[[], Any], *, clock: Callable[[], float] = time.perf_counter) -> float:
    """Wall time of one run, in seconds, or that of another clock."""
    began = clock()
    work()
    return clock() - began


def medians(
    works: Sequence[Callable[[], Any]], *, repeats: int, clock: Callable[[], float] = time.perf_counter
) -> list[float]:
    """Median times after a warm-up run of each; the works take turns, so that all see the same machine."""
    for work in works:
        work()
    times = [[time_of(work, clock=clock) for work in works] for _ in range(repeats)]
    return [statistics.median(column) for column in zip(*times, strict=True)]


def peak_megabytes(work: Callable[[], Any]) -> float:
    """The most memory that torch held at once for tensors made by the work."""
    from torch.profiler import ProfilerActivity, profile

    work()
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
        work()
    results = profiler.profiler
    assert results is not None
    assert results.kineto_results is not None
    events: list[Any] = results.kineto_results.events()
    changes = [event.nbytes() for event in events if event.name() == "[memory]"]
    return float(np.cumsum(changes).max()) / 2**20


def report(work: str, against: str, theirs: float, ours: float, *, wanted: float, note: str) -> None:
    """Print one row of the table: how many times faster, or how many of something fit into its time."""
    verdict = "reached" if theirs / ours >= wanted else "NOT REACHED"
    cells = (
        work,
        against,
        f"{theirs:.3g} s",
        f"{ours:.3g} s",
        f"{theirs / ours:.1f}x",
        f">= {wanted:g}x {verdict}",
        note,
    )
    sys.stdout.write(f"\n| {' | '.join(cells)} | {torch.get_num_threads()} |\n")


def report_share(work: str, against: str, theirs: float, ours: float, *, wanted: float, unit: str) -> None:
    """Print one row of the table: the cost as a share of something else's."""
    verdict = "reached" if ours / theirs <= wanted else "NOT REACHED"
    cells = (work, against, f"{theirs:.3g} {unit}", f"{ours:.3g} {unit}", f"{ours / theirs:.2f}")
    sys.stdout.write(f"\n| {' | '.join(cells)} | <= {wanted:g} {verdict} | | {torch.get_num_threads()} |\n")


@pytest.fixture(scope="session")
def gpt2_small() -> Model:
    """GPT-2 small's shape with random weights."""
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(0)
    return model_from_module(GPT2LMHeadModel(GPT2Config()).eval(), name="gpt2-small-shaped")


@pytest.fixture(scope="session")
def toy() -> Model:
    """4 layers, 8 heads, d=128: 1,519 edges."""
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(0)
    config = GPT2Config(
        vocab_size=1000, n_embd=128, n_layer=4, n_head=8, n_positions=64, bos_token_id=None, eos_token_id=None
    )
    return model_from_module(GPT2LMHeadModel(config).eval(), name="toy")


def random_pairs(n_prompts: int, length: int, *, shared_prefix: int, vocabulary: int) -> PromptSet:
    """Random pairs of prompts whose first tokens agree."""
    generator = np.random.default_rng(0)
    prompts = []
    for _ in range(n_prompts):
        clean, corrupt = generator.integers(vocabulary, size=(2, length)).tolist()
        answers = generator.choice(vocabulary, size=2, replace=False).tolist()
        corrupt = clean[:shared_prefix] + corrupt[shared_prefix:]
        prompts.append(Prompt(tuple(clean), tuple(corrupt), (answers[0],), (answers[1],)))
    return PromptSet("random", tuple(prompts))
