"""Weights of jobs that prompts and models decide: those of methods whose passes a formula counts."""

from __future__ import annotations

import numpy as np
import pytest

from circuits.model.lengths import TOKENS_PER_PASS
from circuits.model.sources import find_model
from pipelines.costs.asked import Asked, Budget
from pipelines.costs.passes import patched
from pipelines.costs.shape import GPT2_SMALL
from pipelines.costs.shape_of import shape_of_files
from pipelines.costs.work import plain_pass, prefix_pass
from pipelines.discover.minimize_jobs import weights_of_search
from pipelines.discover.plan import all_jobs
from pipelines.discover.settings import DiscoverSettings
from pipelines.engine.result_file import Result
from pipelines.forecast.jobs import Lengths, weights_of

SHAPE = shape_of_files(find_model("reference"))
BUDGET = Budget("cpu", 1, 1)


def weights(method: str, n_tokens: int, n_prompts: int = 64, n_run: float | None = None) -> dict[str, float]:
    """Label -> weight, of jobs whose weight becomes known with prompts of so many tokens."""
    jobs = all_jobs(DiscoverSettings(task="ioi", method=method, prompts=n_prompts))
    every = [job for job in jobs.all if "model" in job.locations]
    lengths = {jobs.prompts.key: Lengths(n_prompts, n_tokens, 5, n_run=n_run)}
    assert SHAPE is not None
    found = weights_of(every, jobs.all, lengths, {"reference": SHAPE})
    return {job.label: found[job.key] for job in jobs.all if job.key in found}


@pytest.mark.parametrize("n_tokens", [8, 32])
def test_a_job_that_patches_takes_as_many_passes_as_its_formula_says(n_tokens: int):
    every = weights("activation-patching", n_tokens)
    found = {label: weight for label, weight in every.items() if "activation-patching" in label}
    assert list(found) == [f"measure activation-patching prompts {start}-{start + 15}" for start in (0, 16)]
    assert SHAPE is not None
    settings = {"at": "all", "kinds": ("head", "attention", "mlp", "residual")}
    work = patched(Asked(SHAPE, 16, n_tokens, "float32", BUDGET, 5), settings)
    # What heads, attention and MLPs give, and streams, are two stacks, each run from its layer on.
    of_batch = (2 + 2 * (SHAPE.n_layers + 1) / 2) * prefix_pass(SHAPE, TOKENS_PER_PASS)
    assert set(found.values()) == {(work.whole + of_batch) / plain_pass(SHAPE, n_tokens)}


def test_jobs_that_no_formula_counts_keep_their_weights():
    assert weights("exact-edges", 16) == {}


@pytest.mark.parametrize("method", ["eap-ig", "atp-star", "activation-patching"])
def test_what_comes_before_the_first_difference_is_run_once(method: str):
    """Of 16 tokens 2 are run again and again: the 14 others are a pass of the clean prompt, and no more."""
    late, everywhere = weights(method, 16, n_run=2), weights(method, 2)
    assert SHAPE is not None
    in_passes = plain_pass(SHAPE, 2) / plain_pass(SHAPE, 16)
    for label, of_two in everywhere.items():
        assert late[label] == pytest.approx(16 * prefix_pass(SHAPE, 14) / plain_pass(SHAPE, 16) + of_two * in_passes)
    assert sum(late.values()) < 0.5 * sum(weights(method, 16).values())


@pytest.mark.parametrize("varied", ["model", "task"])
def test_passes_of_a_larger_model_and_of_longer_prompts_weigh_more(varied: str):
    """Of a study that varies them: as many times as their passes multiply more, in all of their jobs alike."""
    of_models = ("reference", "reference-reuse")
    models = of_models if varied == "model" else ("reference", "reference")
    seeds = (0, 0) if varied == "model" else (0, 1)
    one, other = (
        all_jobs(DiscoverSettings(task="ioi", method="activation-patching", model=model, prompts=32, seed=seed))
        for model, seed in zip(models, seeds, strict=True)
    )
    n_tokens = (16, 16) if varied == "model" else (16, 64)
    assert SHAPE is not None
    shapes = {"reference": SHAPE, "reference-reuse": GPT2_SMALL}
    lengths = {jobs.prompts.key: Lengths(32, n, 5) for jobs, n in zip((one, other), n_tokens, strict=True)}
    every = [*one.all, *other.all]
    found = weights_of([job for job in every if "model" in job.locations], every, lengths, shapes)
    of_pass = [plain_pass(shapes[model], n) for model, n in zip(models, n_tokens, strict=True)]
    for of_one, of_other in ((one.baseline, other.baseline), (one.choose, other.choose)):
        times = [found[job.key] / job.weight for job in (of_one, of_other)]
        assert times[1] / times[0] == pytest.approx(of_pass[1] / of_pass[0])
        assert sum(times) == pytest.approx(2)
    measured = [found[jobs.measure_nodes[0].key] for jobs in (one, other)]
    assert measured[1] > measured[0]


def test_a_model_of_unknown_shape_changes_none():
    jobs = all_jobs(DiscoverSettings(task="ioi", method="activation-patching"))
    every = [job for job in jobs.all if "model" in job.locations]
    assert weights_of(every, jobs.all, {jobs.prompts.key: Lengths(64, 16, 5)}, {}) == {}


def ran(n_runs: int, *, has_ended: bool) -> Result:
    return Result({"has_ended": has_ended}, {"digests": np.zeros((n_runs, 16), dtype=np.uint8)})


def test_rounds_of_a_search_weigh_what_they_ran_or_what_is_expected():
    """100 edges and 200 runs for others: 260 are expected. One is half a pass of 32 prompts, and going through all of
    them again for the result takes 2 % of the time."""
    jobs = all_jobs(DiscoverSettings(task="ioi", minimal=True)).minimize
    chosen = Result({}, {"mask": np.arange(479) < 100, "values": np.zeros(32)})

    def passes(*done: Result) -> list[float]:
        *rounds, last = (weights_of_search(jobs, done, chosen)[job.key] for job in jobs)
        assert last == pytest.approx(0.02 * sum(rounds))
        return [weight / 16 for weight in rounds]

    assert passes() == [250, 10, *[0] * 7]
    assert passes(ran(250, has_ended=False)) == [250, 125, *[0] * 7]  # it is not over
    assert passes(ran(250, has_ended=False), ran(250, has_ended=False))[2:] == [125, *[0] * 6]
    assert passes(ran(99, has_ended=True)) == [99, *[0] * 8]
