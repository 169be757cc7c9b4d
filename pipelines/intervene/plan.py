"""From a causal trace to the jobs that intervene where it found recovery, and measure the effect.

    validation questions --> search, divergence                  (strengths; vision-aware heads)
    test questions, search, divergence --> answers, captions, times    (answers in slices of the questions)

Validation and test ask about different images, and neither about those of the trace: each has its own seed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from circuits.data.absent_objects import NEGATIVES
from circuits.data.coco import read_annotations
from circuits.data.prompts import END
from circuits.data.question_files import is_question_file
from circuits.files import read_bytes
from circuits.injection.search import STRENGTHS
from circuits.injection.synonyms import Synonyms, read_synonyms
from circuits.tasks import IMAGE_TASKS
from circuits.tasks.coco_objects import CocoObjects
from pipelines.engine.cluster import device_of
from pipelines.engine.execute import Work
from pipelines.engine.execution import Execution
from pipelines.engine.job import Job, keys_of
from pipelines.engine.plan import Plan
from pipelines.engine.store import Store
from pipelines.intervene.settings import IriSettings
from pipelines.intervene.stages import HEAD_DIVERGENCE, IRI, IRI_ANSWERS, IRI_CAPTIONS, IRI_SEARCH, IRI_TIMES, QUESTIONS
from pipelines.runs.image_sources import coco_source, digest_of_images, halves, read_questions_in
from pipelines.runs.record import SETTINGS
from pipelines.runs.run import Run, open_run, store_of
from pipelines.runs.shell_text import shell_line
from pipelines.runs.task_settings import make_task
from pipelines.trace.plan import trace_jobs
from pipelines.trace.run import TraceRun
from pipelines.trace.settings import TraceSettings

VALIDATION, TEST = "validation", "test"
WHOLE = "all"  # questions whose sort is not known
_SEEDS = {VALIDATION: 1, TEST: 2}  # times _APART, added to the trace's own seed
_APART = 1000
_QUESTIONS_PER_JOB = 256
_VHD_PROMPTS = 64


class InterventionJobs(NamedTuple):
    """All jobs of an intervention, by purpose. The trace's own jobs are already done."""

    validation: Job
    test: Job
    search: Job
    divergence: Job
    answers: tuple[Job, ...]
    captions: tuple[Job, ...]
    times: tuple[Job, ...]

    @property
    def all(self) -> tuple[Job, ...]:
        """Every job once, each after the jobs that it reads."""
        before = (self.validation, self.test, self.search, self.divergence)
        return (*before, *self.answers, *self.captions, *self.times)


@dataclass(frozen=True)
class IriPlan(Plan):
    """An intervention on the model of a trace.

    synonyms  of the objects that captions are judged by; None where none were given
    """

    run: TraceRun
    settings: IriSettings
    jobs: InterventionJobs
    store: Store
    target: Path
    synonyms: Synonyms | None = None

    @property
    def folder(self) -> Path:
        return self.target

    @property
    def work(self) -> Sequence[Work]:
        return (Work(self.store, self.jobs.all, f"run {self.run.name}"),)


def plan(settings: IriSettings, execution: Execution) -> IriPlan:
    """The jobs of an intervention.

    Raises a ValueError before any model runs if the run is not a trace, or did not trace attention and MLP outputs at
    the last token.
    """
    run = require_trace(settings.run if isinstance(settings.run, Run) else open_run(settings.run, out=execution.out))
    jobs, store = intervention_jobs(run, settings, device=device_of(execution)), store_of(run, execution.out)
    path = settings.synonyms
    synonyms = None if path is None else read_synonyms(path, _object_names(run.config))
    return IriPlan(run, settings, jobs, store, settings.folder or run.folder / _name(jobs, synonyms), synonyms)


def _object_names(trace: TraceSettings) -> Sequence[str]:
    """The objects that captions may name."""
    if trace.prompt_file is not None:
        assert trace.annotations is not None, "captions were refused without"
        return read_annotations(trace.annotations).categories
    if trace.task == CocoObjects.name:
        return CocoObjects(images=trace.images, annotations=trace.annotations).object_names
    return make_task(IMAGE_TASKS[trace.task], trace.task_settings).object_names


def _name(jobs: InterventionJobs, synonyms: Synonyms | None) -> str:
    """Name of the folder for these settings; times are another measurement of the same intervention."""
    keys = "".join(job.key for job in jobs.all if job not in jobs.times)
    keys += "" if synonyms is None else repr(sorted(synonyms.words.items()))
    return f"{IRI}-{hashlib.sha256(keys.encode()).hexdigest()[:8]}"


def last_token_recovery(run: TraceRun) -> dict[str, list[float]]:
    """Kind of component -> recovery rate of each layer at the last token. ValueError if the trace has none."""
    trace = run.trace
    if END not in trace.scores.positions:
        raise ValueError(f"run {run.name} traced {', '.join(trace.scores.positions)}, but not the last token (END).")
    rates = trace.ratio_of_means().values[trace.scores.positions.index(END)]
    of_kind = {
        kind: [float(rates[n]) for n, part in enumerate(trace.scores.components) if part.kind == kind]
        for kind in ("attention", "mlp", "residual")
    }
    window = trace.scores.provenance.settings["window"]
    if window > 1:
        raise ValueError(
            f"run {run.name} restored windows of {window} layers, but an injection needs the recovery rates of single "
            "layers: trace with window=1."
        )
    if not np.isfinite(rates).all():
        raise ValueError(
            f"run {run.name} has no recovery rates: on average, clean prompts score no better than corrupt ones "
            f"({trace.gaps.mean():z.3g}). Trace with more noise, or with another corruption."
        )
    if missing := [kind for kind in ("attention", "mlp") if not of_kind[kind]]:
        raise ValueError(f"run {run.name} did not trace {missing[0]} outputs: trace kinds=[residual, attention, mlp].")
    # The final residual stream enters no layer.
    return of_kind | {"residual": of_kind["residual"][:-1]}


def require_trace(run: Run) -> TraceRun:
    """The run, which must be a trace. ValueError if it is not."""
    if not isinstance(run, TraceRun):
        raise ValueError(
            f"run {run.name} is not a causal trace. Run one: "
            f"{shell_line(['circuits', 'trace', run.config.task, '--model', run.config.model])}"
        )
    return run


def intervention_jobs(run: TraceRun, config: IriSettings, *, device: str) -> InterventionJobs:
    """All jobs of an intervention, done or not. ValueError if the run does not trace questions about images.

    device  that times are measured on: they alone depend on it
    """
    recovery = last_token_recovery(run)
    of_trace = trace_jobs(run.config)
    if not run.was_made_by(of_trace.graph):
        again = ["circuits", "trace", "--config", str(run.folder / SETTINGS), "--runs", str(run.folder.parent)]
        raise ValueError(
            f"run {run.name} is out of date: its model, its prompts or this package have changed since. Rerun it: "
            f"{shell_line(again)}"
        )
    locations, model = of_trace.check.locations, {name: of_trace.check.settings[name] for name in ("model", "dtype")}
    _require_fitting(run.config, config)
    asking = [_questions(run.config, of_trace.prompts, config, part) for part in (VALIDATION, TEST)]
    validation, test = (Job(QUESTIONS, asked, locations=of_trace.prompts.locations) for asked in asking)
    of_search = {"questions": (validation.key,)}
    chosen: dict[str, Any] = {"recovery": recovery, "k1": config.k1, "k2": config.k2}
    if config.lambda_attention is None:
        sort = WHOLE if run.config.prompt_file is not None else config.chosen_by
        tried: dict[str, Any] = {"strengths": list(STRENGTHS), "sort": sort}
        tried |= {"max_accuracy_drop": config.max_accuracy_drop}
    else:
        tried = {"given": [config.lambda_attention, config.lambda_mlp]}
    search = Job(IRI_SEARCH, model | chosen | tried, of_search, locations, weight=2 * config.validation)
    divergence = Job(HEAD_DIVERGENCE, model | {"n": _VHD_PROMPTS}, of_search, locations, weight=2 * _VHD_PROMPTS)
    inputs = {"questions": (test.key,), "search": (search.key,), "divergence": (divergence.key,)}
    n_questions = asking[1]["n_questions"]
    starts = range(0, n_questions, _QUESTIONS_PER_JOB)
    varied = model | chosen | {"ablations": config.ablations, "random": config.random}
    answers = tuple(
        Job(
            IRI_ANSWERS,
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
        # Generation changes the model itself for a while, so no other job may use it then.
        after = keys_of(answers)
        captions = (Job(IRI_CAPTIONS, settings, inputs, locations, after, weight=40 * config.captions),)
    times: tuple[Job, ...] = ()
    if config.repeats:
        settings = model | chosen | {"repeats": config.repeats, "device": device}
        # Nothing else may run meanwhile.
        after = keys_of((*answers, *captions))
        times = (Job(IRI_TIMES, settings, inputs, locations, after, weight=20 * config.repeats),)
    return InterventionJobs(validation, test, search, divergence, answers, captions, times)


def _require_fitting(trace: TraceSettings, config: IriSettings) -> None:
    """Raise a ValueError for settings that do not apply to a file of questions."""
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
            "captions are judged by the objects in each image, which only annotations give: trace with --annotations."
        )


def _questions(trace: TraceSettings, prompts: Job, config: IriSettings, part: str) -> dict[str, Any]:
    """What determines the questions of a part, and how many there are."""
    known = {name: prompts.settings[name] for name in ("model", "tokenizer")} | {"part": part}
    path, n_images = trace.prompt_file, config.validation if part == VALIDATION else config.questions
    if path is not None:
        if not is_question_file(read_bytes(path)) or trace.images is None:
            raise ValueError(f"{path} holds no questions about images, which interventions are judged on.")
        asked = halves(read_questions_in(path, trace.images, None), part == VALIDATION)
        digest = digest_of_images(trace.images, asked)
        kept = {name: prompts.settings[name] for name in ("file", "name", "annotations") if name in prompts.settings}
        return known | kept | {"images": digest, "n_questions": len(asked)}
    if trace.task not in IMAGE_TASKS:
        raise ValueError(
            f"interventions are judged on questions about images, but task {trace.task!r} is text only. Trace "
            f"{' or '.join(IMAGE_TASKS)}, or a file of questions."
        )
    settings = {
        "task": trace.task,
        "corruption": prompts.settings["corruption"],
        "seed": trace.seed + _APART * _SEEDS[part],
        "n": 2 * n_images,
        "n_questions": n_images * (1 + len(NEGATIVES)),
    }
    if "task_settings" in prompts.settings:
        settings["task_settings"] = prompts.settings["task_settings"]
    if trace.task == CocoObjects.name:
        task = CocoObjects(settings["corruption"], trace.images, trace.annotations)
        # Every sort of negatives uses the same images.
        settings |= coco_source(task, n=settings["n"], seed=settings["seed"], negatives=NEGATIVES[0])
        settings["negatives"] = NEGATIVES[0]
    return known | settings
