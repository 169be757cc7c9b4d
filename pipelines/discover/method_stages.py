"""The jobs of a method that measures in several stages (`circuits.methods.stages`), and what they compute."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from circuits.methods import Method
from circuits.methods.stages import MethodStage, Part, StageInputs
from circuits.metrics import METRICS
from circuits.result import Result
from pipelines.engine.job import Job, keys_of
from pipelines.engine.stage import Inputs, LoadModel, Stage
from pipelines.runs.codec import prompts_from
from pipelines.runs.first_jobs import FirstJobs
from pipelines.runs.method_settings import OF_SETTING
from pipelines.runs.stage_inputs import ablation_of

# Setting -> what gives the fingerprint of what is at its path.
Paths = Mapping[str, Callable[[str], str]]
# Names that inputs and settings of a run's jobs have already.
_INPUTS = ("prompts", "reference", "edges", "nodes", "baseline", "choose", "rounds", "judge", "judged_baseline")
_SETTINGS = ("model", "dtype", "metric", "ablation", "slice", "trials")


def stage_jobs(method: Method, first: FirstJobs) -> dict[str, tuple[Job, ...]]:
    """The jobs of each of a method's stages, in their order; none for a method that measures at once."""
    jobs: dict[str, tuple[Job, ...]] = {}
    parts: dict[str, list[Part]] = {}
    for stage in method.score_stages():
        _require_free(stage, method)
        parts[stage.name] = stage.parts(first.slices(), parts)
        whole = _whole(stage, method, jobs, first)
        jobs[stage.name] = tuple(_of_part(whole, stage, *entry) for entry in enumerate(parts[stage.name]))
    return jobs


def _require_free(stage: MethodStage, method: Method) -> None:
    names = {stage.name, *stage.reads, *stage.settings}
    if taken := sorted(names.intersection(_INPUTS + _SETTINGS)):
        raise ValueError(
            f"{method.name}: stage {stage.name!r} uses the name {taken[0]!r}, which jobs of every run use for "
            "something else. Choose another."
        )


def _whole(stage: MethodStage, method: Method, jobs: Mapping[str, tuple[Job, ...]], first: FirstJobs) -> Job:
    """A stage as a single job; `jobs` are those of earlier stages."""
    known = method.path_settings().items()
    paths = {name: fingerprint for name, fingerprint in known if stage.settings.get(name) is not None}
    run = first.ran if stage.reads_metric else {name: first.ran[name] for name in ("model", "dtype")}
    inputs = {name: keys_of(jobs[of]) for name, of in stage.reads.items()}
    if stage.reads_metric:
        inputs |= first.of_prompts
    elif stage.reads_prompts:
        inputs |= {"prompts": (first.prompts.key,)}
    return Job(
        Stage(stage.name, stage.version, partial(_compute, stage), partial(_locate, paths)),
        {**run, **stage.settings, **{name: of(stage.settings[name]) for name, of in paths.items()}},
        inputs,
        first.locations | {_location(name): str(Path(stage.settings[name]).absolute()) for name in paths},
        # After the baseline, as other measurements (`FirstJobs.sliced_job`).
        (*first.after, first.baseline.key, *(key for name in stage.after for key in keys_of(jobs[name]))),
    )


def _of_part(whole: Job, stage: MethodStage, number: int, part: Part) -> Job:
    """The job of one part of a stage."""
    each = stage.each
    read = {each: (whole.inputs[each][number],)} if each is not None and each in stage.reads else {}
    size = sum(stop - start for start, stop in part.values()) or 1
    return replace(
        whole,
        settings={**whole.settings, **part},
        inputs={**whole.inputs, **read},
        weight=stage.cost * size,
        is_apart=True,
    )


def _location(name: str) -> str:
    return f"{OF_SETTING}{name}"


def _locate(paths: Paths, settings: Mapping[str, Any], locations: Mapping[str, str]) -> Mapping[str, Any]:
    """The settings with paths in place of fingerprints; what is there must be what was planned with."""
    located = {name: locations[_location(name)] for name in paths}
    for name, path in located.items():
        if paths[name](path) != settings[name]:
            raise ValueError(f"{path} has changed since this run was planned. Run the command again.")
    return {**settings, **located}


def _compute(stage: MethodStage, settings: Mapping[str, Any], inputs: Inputs, model: LoadModel) -> Result:
    prompts = prompts_from(inputs["prompts"][0]) if "prompts" in inputs else None
    if not stage.reads_metric:
        return stage.compute(StageInputs(settings, model, inputs, prompts))
    metric, ablation = METRICS[settings["metric"]], ablation_of(settings, inputs, model)
    return stage.compute(StageInputs(settings, model, inputs, prompts, metric, ablation))
