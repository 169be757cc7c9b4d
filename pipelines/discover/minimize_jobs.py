"""The jobs of `--minimal` (`pipelines.discover.minimize`), and what they will take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from circuits.evaluation.bounds import BOUNDS
from circuits.evaluation.minimal_search import MinimalSearch
from circuits.evaluation.sizes import PASSES_PER_RUN
from circuits.numbers import count_text
from pipelines.discover.minimize import MINIMIZE, MINIMIZE_ROUND, RUNS_PER_ROUND, begins_with_all, expected_runs
from pipelines.discover.settings import DiscoverSettings
from pipelines.engine.job import Job, keys_of
from pipelines.engine.progress import duration
from pipelines.engine.result_file import Result
from pipelines.runs.first_jobs import FirstJobs

# Share of the time of all rounds that it takes to go through them again for the result: less than a hundredth in models
# of 135M parameters and more, more in tiny ones.
_AGAIN = 0.02


def minimal_search(config: DiscoverSettings) -> MinimalSearch:
    """What is sought. ValueError for a tolerance that bounds nothing."""
    return MinimalSearch(BOUNDS[config.minimal_rule](config.tolerance), config.minimal_runs, config.minimal_others)


def minimize_jobs(
    config: DiscoverSettings, ground: FirstJobs, selection: Mapping[str, Any], inputs: Mapping[str, tuple[str, ...]]
) -> tuple[Job, ...]:
    """The rounds of the search, and last the job that holds its result.

    ground     of the prompts that chose the circuit
    selection  what decides the circuit that was chosen
    inputs     prompts, scores and baseline, and the circuit that was chosen
    """
    search = minimal_search(config)
    asks_for_size = any(selection[name] is not None for name in ("edges", "threshold", "nodes"))
    settings = ground.ran | {
        "bound": {"rule": search.bound.name, "tolerance": search.bound.tolerance},
        "runs": [search.max_runs, search.other_runs],
        "begins_with_all": selection["kind"] == "edges" and not asks_for_size,
    }
    weight = PASSES_PER_RUN * RUNS_PER_ROUND * ground.n_prompts
    rounds: list[Job] = []
    n_rounds = -(-search.n_planned // RUNS_PER_ROUND)
    for number in range(n_rounds):
        numbered, read = settings | {"round": [number + 1, n_rounds]}, {**inputs, "rounds": keys_of(rounds)}
        # A search may end in its first round: how long it takes is not known before.
        rounds.append(Job(MINIMIZE_ROUND, numbered, read, ground.locations, ground.after, weight, is_apart=True))
    return (*rounds, Job(MINIMIZE, settings, {**inputs, "rounds": keys_of(rounds)}))


def weights_of_search(jobs: Sequence[Job], done: Sequence[Result], chosen: Result) -> dict[str, float]:
    """The weights of the rounds and of the job of their result by their keys: of rounds that are done by what they ran,
    of others by what is expected.

    jobs    those of `minimize_jobs`
    done    the results of the first rounds
    chosen  the circuit that was chosen
    """
    *rounds, last = jobs
    settings, n_prompts = last.settings, len(chosen.arrays["values"])
    n_runs = [len(result.arrays["digests"]) for result in done]
    n_left = expected_runs(settings, int(np.count_nonzero(chosen.arrays["mask"]))) - sum(n_runs)
    if any(result.meta["has_ended"] for result in done):
        n_left = 0
    elif done:
        n_left = max(n_left, RUNS_PER_ROUND // 2)  # it is not over
    for _ in rounds[len(done) :]:
        n_runs.append(min(n_left, RUNS_PER_ROUND))
        n_left -= n_runs[-1]
    weights = {job.key: PASSES_PER_RUN * n * n_prompts for job, n in zip(rounds, n_runs, strict=True)}
    return weights | {last.key: _AGAIN * sum(weights.values())}


def announcement(rounds: Sequence[Job], chosen: Result, of_baseline: Mapping[str, Any] | None) -> str:
    """How many circuit runs the rounds that are left may take, and about how long.

    of_baseline  cost of the baseline, which is two forward passes of the same prompts; None where it is not known
    """
    settings, mask, n_prompts = rounds[0].settings, chosen.arrays["mask"], len(chosen.arrays["values"])
    n_start = len(mask) if begins_with_all(settings, len(mask)) else int(np.count_nonzero(mask))
    n_find, n_others = settings["runs"]
    n_runs = min(min(2 * n_start, n_find) + n_others, RUNS_PER_ROUND * len(rounds))
    seconds = None if of_baseline is None else of_baseline.get("seconds")
    lasts = "" if seconds is None else f", {duration(n_runs * PASSES_PER_RUN * seconds / 2)} in all"
    looks_on = f", and {n_others:,} runs look for others as small" if n_others else ""
    return (
        f"minimal: up to about {n_runs:,} circuit runs of {count_text(n_prompts, 'prompt')} are planned, of about "
        f"half a forward "
        f"pass each{lasts}: edges are dropped from {n_start:,}, those that stay are tried one by one{looks_on}."
    )
