"""From a causal trace to the jobs that intervene where it found recovery, and judge that.

    validation questions --> search, divergence                  (strengths; heads that see)
    test questions, search, divergence --> answers, captions     (answers in slices of the questions)

Validation and test ask about different images, and neither about those of the trace: seeds of their own.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from circuits.absent import NEGATIVES
from circuits.injection.search import STRENGTHS
from circuits.prompts import END
from circuits.question_files import is_question_file
from circuits.recovery import Trace
from circuits.tasks import IMAGE_TASKS
from circuits.tasks.coco_objects import CocoObjects
from pipelines.image_sources import read_questions_in, coco_source, digest_of_images, halves
from pipelines.job import Job, keys_of
from pipelines.runs import TRACE, Run
from pipelines.trace_plan import TraceConfig, trace_jobs

VALIDATION, TEST = "validation", "test"
WHOLE = "all"  # questions whose sort is not known
_SEEDS = {VALIDATION: 1, TEST: 2}  # added to the trace's own, times _APART
_APART = 1000
_QUESTIONS_PER_JOB = 256
_VHD_PROMPTS = 64


class InterventionConfig(BaseModel):
    """What decides an intervention, beside the trace that it rests on."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    questions: int = Field(default=300, ge=1, description="images that test questions ask about, each of every sort")
    validation: int = Field(default=200, ge=1, description="images of the questions that strengths are chosen by")
    k1: int = Field(default=3, ge=1, description="source layers: those of highest recovery rate at the last token")
    k2: int = Field(default=10, ge=1, description="target layers, likewise")
    lambda_attention: float | None = Field(default=None, ge=0, description="strength for attention outputs")
    lambda_mlp: float | None = Field(default=None, ge=0, description="strength for MLP outputs")
    chosen_by: str = Field(default="adversarial", description="sort of negatives by which strengths are searched")
    max_accuracy_drop: float = Field(
        default=0.005, ge=0, le=1, description="accuracy on random negatives that searched strengths may cost, a share"
    )
    ablations: bool = Field(default=False, description="also the ablations of the paper and random layers")
    captions: int = Field(default=0, ge=0, description="images to describe, for CHAIR")
    max_new_tokens: int = Field(default=64, ge=1, description="most tokens of a caption")

    @model_validator(mode="after")
    def _has_both_strengths(self) -> InterventionConfig:
        given = (self.lambda_attention is not None, self.lambda_mlp is not None)
        if any(given) and not all(given):
            raise ValueError("lambda_attention and lambda_mlp go together: give both, or none to search for them.")
        if self.chosen_by not in NEGATIVES:
            raise ValueError(f"chosen_by is {self.chosen_by!r}. Known: {', '.join(NEGATIVES)}.")
        return self


class InterventionJobs(NamedTuple):
    """All jobs of an intervention, by what they are for. The trace's own are over."""

    validation: Job
    test: Job
    search: Job
    divergence: Job
    answers: tuple[Job, ...]
    captions: tuple[Job, ...]

    @property
    def all(self) -> tuple[Job, ...]:
        """Every job once, those that others read first."""
        return (self.validation, self.test, self.search, self.divergence, *self.answers, *self.captions)


def last_token_recovery(run: Run) -> dict[str, list[float]]:
    """Kind of component -> recovery rate of each layer at the last token. ValueError where the trace has none."""
    found = require_trace(run)
    if END not in found.scores.positions:
        raise ValueError(f"run {run.name} traced {', '.join(found.scores.positions)}, and not the last token (END).")
    rates = found.ratio_of_means().values[found.scores.positions.index(END)]
    of_kind = {
        kind: [float(rates[n]) for n, part in enumerate(found.scores.components) if part.kind == kind]
        for kind in ("attention", "mlp", "residual")
    }
    window = found.scores.provenance.settings["window"]
    if window > 1:
        raise ValueError(
            f"run {run.name} restored windows of {window} layers, and an injection needs the recovery rates of single "
            "layers: trace with window=1."
        )
    if not np.isfinite(rates).all():
        raise ValueError(
            f"run {run.name} has no recovery rates: its prompts are on average no better clean than corrupt "
            f"({found.gaps.mean():.3g}). Trace with more noise, or with another corruption."
        )
    if missing := [kind for kind in ("attention", "mlp") if not of_kind[kind]]:
        raise ValueError(f"run {run.name} did not trace {missing[0]} outputs: trace kinds=[residual, attention, mlp].")
    # The final stream enters no layer.
    return of_kind | {"residual": of_kind["residual"][:-1]}


def require_trace(run: Run) -> Trace:
    """The trace of a run. ValueError where it is none."""
    if run.command != TRACE or run.trace is None:
        raise ValueError(
            f"run {run.name} is no causal trace. Make one: circuits trace {run.config.task} --model {run.config.model}"
        )
    return run.trace


def intervention_jobs(run: Run, config: InterventionConfig) -> InterventionJobs:
    """All jobs of an intervention, done or not. ValueError where the run is no trace of questions about images."""
    recovery = last_token_recovery(run)
    assert isinstance(run.config, TraceConfig)
    of_trace = trace_jobs(run.config)
    if not run.name.endswith(of_trace.graph.key[:8]):
        raise ValueError(
            f"run {run.name} is out of date: its model, its prompts or this package have changed since. Make it anew: "
            f"circuits trace --config {run.folder / 'config.yaml'} --out {run.folder.parent}"
        )
    locations, model = of_trace.check.locations, {name: of_trace.check.settings[name] for name in ("model", "dtype")}
    _require_fitting(run.config, config)
    asking = [_questions(run.config, of_trace.prompts, config, part) for part in (VALIDATION, TEST)]
    validation, test = (Job("questions", found, locations=of_trace.prompts.locations) for found in asking)
    of_search = {"questions": (validation.key,)}
    chosen: dict[str, Any] = {"recovery": recovery, "k1": config.k1, "k2": config.k2}
    if config.lambda_attention is None:
        sort = WHOLE if run.config.prompt_file is not None else config.chosen_by
        tried: dict[str, Any] = {"strengths": list(STRENGTHS), "sort": sort}
        tried |= {"max_accuracy_drop": config.max_accuracy_drop}
    else:
        tried = {"given": [config.lambda_attention, config.lambda_mlp]}
    search = Job("iri-search", model | chosen | tried, of_search, locations, weight=2 * config.validation)
    divergence = Job("head-divergence", model | {"n": _VHD_PROMPTS}, of_search, locations, weight=2 * _VHD_PROMPTS)
    inputs = {"questions": (test.key,), "search": (search.key,), "divergence": (divergence.key,)}
    n_questions = asking[1]["n_questions"]
    starts = range(0, n_questions, _QUESTIONS_PER_JOB)
    varied = model | chosen | {"ablations": config.ablations}
    answers = tuple(
        Job(
            "iri-answers",
            varied | {"slice": [start, min(start + _QUESTIONS_PER_JOB, n_questions)]},
            inputs,
            locations,
            weight=_QUESTIONS_PER_JOB,
        )
        for start in starts
    )
    captions: tuple[Job, ...] = ()
    if config.captions:
        settings = model | chosen | {"n": config.captions, "max_new_tokens": config.max_new_tokens}
        # Generating changes the model itself for a while, so that no other job may use it.
        after = keys_of(answers)
        captions = (Job("iri-captions", settings, inputs, locations, after, weight=40 * config.captions),)
    return InterventionJobs(validation, test, search, divergence, answers, captions)


def _require_fitting(trace: TraceConfig, config: InterventionConfig) -> None:
    """Raise a ValueError for settings that do not go with a file of questions."""
    path = trace.prompt_file
    if path is None:
        return
    if asked := sorted(config.model_fields_set & {"questions", "validation", "chosen_by", "max_accuracy_drop"}):
        raise ValueError(
            f"the questions of {path} are split by image, half to choose strengths and half to judge, and the file "
            f"does not say how absent objects were chosen: leave out {', '.join(asked)}."
        )
    if config.captions and trace.annotations is None:
        raise ValueError(
            "captions are judged by the objects in each image, which only annotations tell: trace with --annotations."
        )


def _questions(trace: TraceConfig, prompts: Job, config: InterventionConfig, part: str) -> dict[str, Any]:
    """What decides the questions of a part, and how many they are."""
    known = {name: prompts.settings[name] for name in ("model", "tokenizer")} | {"part": part}
    path, n_images = trace.prompt_file, config.validation if part == VALIDATION else config.questions
    if path is not None:
        if not is_question_file(path.read_bytes()) or trace.images is None:
            raise ValueError(f"{path} holds no questions about images, which an intervention is judged by.")
        asked = halves(read_questions_in(path, trace.images, None), part == VALIDATION)
        digest = digest_of_images(trace.images, asked)
        kept = {name: prompts.settings[name] for name in ("file", "name", "annotations") if name in prompts.settings}
        return known | kept | {"images": digest, "n_questions": len(asked)}
    if trace.task not in IMAGE_TASKS:
        raise ValueError(
            f"an intervention is judged by questions about images, and task {trace.task!r} is text alone. Trace "
            f"{' or '.join(IMAGE_TASKS)}, or a file of questions."
        )
    settings = {
        "task": trace.task,
        "corruption": prompts.settings["corruption"],
        "seed": trace.seed + _APART * _SEEDS[part],
        "n": 2 * n_images,
        "n_questions": n_images * (1 + len(NEGATIVES)),
    }
    if trace.task == CocoObjects.name:
        task = CocoObjects(settings["corruption"], trace.images, trace.annotations)
        # The images are the same for every sort of negatives.
        settings |= coco_source(task, n=settings["n"], seed=settings["seed"], negatives=NEGATIVES[0])
        settings["negatives"] = NEGATIVES[0]
    return known | settings
