"""The jobs that patch what one checkpoint's components write into another, on the prompts of one task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import permutations
from typing import Any

import numpy as np

from circuits.evaluation.checkpoints import circuit_groups, patched_from, require_corresponding
from circuits.evaluation.matched_circuits import likeness, matched_circuits
from circuits.evaluation.transfer import MOST_LIKE
from circuits.masks import random_component_sets
from circuits.metrics import METRICS
from pipelines.discover.plan import Jobs
from pipelines.engine.job import Job
from pipelines.engine.result_file import Result
from pipelines.engine.stage import Inputs, LoadModel, Stage
from pipelines.runs.run import Run
from pipelines.runs.stage_inputs import slice_of

# Cost of one patched group on one prompt, in the unit of `Job.weight`.
_GROUP = 0.5
OWN, OTHER = "its circuit", "the other's circuit"


def pairs_across(runs: Sequence[Run]) -> list[tuple[int, int]]:
    """Ordered pairs of runs of one task in different models: the one patched into, and the one patched from."""
    models = [run.scores.provenance.model_fingerprint for run in runs]
    # As it was measured: circuits of prompts of a file are called by their runs.
    tasks = [run.scores.provenance.task for run in runs]
    return [(a, b) for a, b in permutations(range(len(runs)), 2) if models[a] != models[b] and tasks[a] == tasks[b]]


def no_patching(run: Run) -> str | None:
    """Why nothing is patched into a run's model; None where something is."""
    if METRICS[run.config.metric].needs_clean_logits:
        return (
            f"metric {run.config.metric} compares a run with the clean run of the same model, and two models have none "
            "in common"
        )
    return None


def patch_jobs(
    runs: Sequence[Run], of_runs: Sequence[Jobs], *, draws: int, seed: int
) -> dict[tuple[int, int], tuple[Job, ...]]:
    """The jobs of every pair, one per slice of the prompts that judge the run patched into."""
    planned = {}
    for into, source in pairs_across(runs):
        if no_patching(runs[into]) is not None:
            continue
        jobs, donor = of_runs[into], of_runs[source].judged_baseline
        baseline = jobs.judged_baseline
        asked = {name: baseline.settings[name] for name in ("model", "dtype", "metric")}
        asked |= {"donor": donor.settings["model"], "draws": draws, "seed": seed}
        inputs = {"prompts": baseline.inputs["prompts"], "circuits": (jobs.circuit.key, of_runs[source].circuit.key)}
        locations = {"model": baseline.locations["model"], "donor": donor.locations["model"]}
        weight = _GROUP * (len(runs[into].circuit.wiring.writers) + 2 * draws)
        planned[into, source] = tuple(
            Job(
                PATCH,
                asked | {"slice": part},
                inputs,
                locations,
                baseline.after,
                weight * (part[1] - part[0]),
            )
            for part in (judged.settings["slice"] for judged in jobs.judge)
        )
    return planned


def patch_across(settings: Mapping[str, Any], inputs: Inputs, model: LoadModel) -> Result:
    """The metric of a slice of the prompts with outputs of the donor: of each component, then of groups of them.

    Where the two models do not correspond, the `reason` alone.

    into, donor  [prompt] of both models as they are
    values       [group, prompt] in the order of `groups` (names of components, then of groups), then of those drawn:
                 as many components at random, and the circuit on other heads where these are not much the same
    """
    into, donor, metric = model(), model("donor"), METRICS[settings["metric"]]
    try:
        require_corresponding(into, donor, slice_of(settings, inputs))
    except ValueError as error:
        return Result({"reason": str(error)})
    wiring, n_writers = into.wiring, len(into.wiring.writers)
    circuits = [chosen.arrays["mask"] for chosen in inputs["circuits"]]
    named = {str(part): row for part, row in zip(wiring.writers, np.eye(n_writers, dtype=np.bool_), strict=True)}
    named |= circuit_groups(wiring, dict(zip((OWN, OTHER), circuits, strict=True)))
    own, n, seed = named[OWN], settings["draws"], settings["seed"]
    drawn = {"random": random_component_sets(own, n=n, seed=seed)}
    matched = matched_circuits(wiring, own, n=n, seed=seed)
    if likeness(own, matched) <= MOST_LIKE:
        drawn["matched"] = matched
    groups = np.concatenate([np.stack(list(named.values())), *drawn.values()])
    patched = patched_from(into, donor, slice_of(settings, inputs), groups, metric=metric)
    meta = {
        "groups": list(named),
        "sizes": [int(mask.sum()) for mask in named.values()],
        "n_components": n_writers,
        "drawn": {sort: len(masks) for sort, masks in drawn.items()},
    }
    return Result(meta, {"into": patched.into, "donor": patched.donor, "values": patched.values})


PATCH = Stage("patch-across", 1, patch_across, title="patch across models")
