"""The jobs that every run begins with: its prompts, and where effects are measured what these are measured against."""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from circuits.ablations import ABLATIONS
from circuits.files import real_path
from circuits.lookup import lookup
from circuits.metrics import METRICS
from circuits.model.sources import GGUF, find_model, is_path, source_fingerprint, tokenizer_hash
from circuits.tasks import IMAGE_TASKS, TASKS
from pipelines.engine.job import Job, keys_of
from pipelines.engine.stage import Stage
from pipelines.runs.method_settings import absolute_paths, checked_ablation, make_method, with_fingerprints
from pipelines.runs.model_parts import require_parts
from pipelines.runs.prompt_sources import prompt_source
from pipelines.runs.settings import IMAGE_PATHS, PromptSettings, RunConfig
from pipelines.runs.stages import ANSWERED, BASELINE, CHECK, PART, PROMPTS, REFERENCE, SOLVED_PROMPTS
from pipelines.runs.task_settings import task_settings, with_settings

# Prompts of a job, the fewest and the most, where the settings do not say.
_FEWEST, _MOST = 16, 256
# Unless there are at least that many jobs, they are not made larger: they run side by side.
_LARGER_FROM = 3
# About how many bytes of weights the prompts of a job run through, each by itself: some seconds on one processor.
_BYTES_PER_JOB = 2**32
# Of a model's name in the name of a run: a file system takes 255 bytes, and the task and the method want some.
_MODEL_CHARACTERS, _PROMPTS_BYTES = 48, 120


class PromptJobs:
    """The jobs that make the prompts of a command, and those that run a model on slices of them.

    answered    of a file whose solved prompts are kept: the job that runs all of them
    prompts     the job that has them; `n_prompts` of them
    ran         settings of every job that runs the model on the prompts
    of_prompts  the inputs of these jobs
    after       the jobs that must have gone well before these
    locations   where the model is
    """

    def __init__(self, config: PromptSettings) -> None:
        source, self.n_prompts = prompt_source(config)
        files = find_model(config.model)
        model = {"model": source_fingerprint(files)}
        self.ran: dict[str, Any] = model | {"dtype": config.dtype}
        absolute = absolute_paths(config)
        self.locations = {"model": absolute["model"]}
        paths = {"file": absolute["task"]} if config.prompt_file else {}
        paths |= {name: str(path) for name in IMAGE_PATHS if (path := absolute[name]) is not None}
        settings = model | {"tokenizer": tokenizer_hash(files)} | source
        # Which prompts are solved depends on what runs them.
        settings |= {"solved": True, "dtype": config.dtype} if config.solved else {}
        self.answered: tuple[Job, ...] = ()
        if config.solved and not config.is_drawn:
            whole, n_whole = prompt_source(config.model_copy(update={"prompts": None}))
            every = {key: value for key, value in settings.items() if key not in source} | whole
            self.answered = (
                Job(ANSWERED, every, locations=self.locations | paths, weight=1 + 2 * n_whole, is_apart=True),
            )
            of_file = {"answered": keys_of(self.answered)}
            self.prompts = Job(SOLVED_PROMPTS, settings, of_file, self.locations | paths, is_apart=True)
        else:
            weight = 1 + 4 * self.n_prompts if config.solved else 1
            self.prompts = Job(PROMPTS, settings, locations=self.locations | paths, weight=weight, is_apart=True)
        self.of_prompts: dict[str, tuple[str, ...]] = {"prompts": (self.prompts.key,)}
        self.after: tuple[str, ...] = ()
        self._prompts_per_job = config.prompts_per_job
        self._weight_bytes = sum(file.stat().st_size for file in files.weight_files)

    def slices(self, *, is_split: bool = True) -> list[tuple[int, int]]:
        """The prompts as slices, (start, stop); a single one where they may not be split."""
        size = self.n_prompts
        if is_split:
            size = self._prompts_per_job or prompts_per_job(self.n_prompts, self._weight_bytes)
        return [(start, min(start + size, self.n_prompts)) for start in range(0, self.n_prompts, size)]

    def sliced(
        self, stage: Stage, settings: dict[str, Any], inputs: dict[str, Any], cost: float, *, is_split: bool = True
    ) -> tuple[Job, ...]:
        """One job per slice of the prompts; `cost` per prompt, in forward passes."""
        return tuple(self.sliced_job(stage, settings, inputs, cost, part) for part in self.slices(is_split=is_split))

    def sliced_job(
        self, stage: Stage, settings: dict[str, Any], inputs: dict[str, Any], cost: float, part: tuple[int, int]
    ) -> Job:
        """A job on one slice of the prompts; `cost` per prompt, in forward passes."""
        chosen, weight = self.ran | settings | {"slice": list(part)}, cost * (part[1] - part[0])
        return Job(stage, chosen, self.of_prompts | inputs, self.locations, self.after, weight=weight)


def prompts_per_job(n_prompts: int, weight_bytes: int) -> int:
    """How many prompts to measure in one job: a power of two, the same wherever the plan is made.

    Many prompts of a small model come in larger jobs. Each job takes some milliseconds whatever it measures, and the
    more prompts run as one batch, the less time passes between operations, when threads wait for each other.
    """
    wanted = min(n_prompts // _LARGER_FROM, _BYTES_PER_JOB // max(1, weight_bytes), _MOST)
    return max(_FEWEST, 1 << (wanted.bit_length() - 1) if wanted else 0)


class FirstJobs(PromptJobs):
    """The jobs before a run measures anything: its prompts, the check, and the metric without intervention."""

    def __init__(
        self,
        config: RunConfig,
        methods: Sequence[Mapping[str, Any]],
        *,
        position: str | None = None,
        needs_edges: bool = False,
    ) -> None:
        """What a run of these methods begins with.

        methods      name and settings of every method that will run
        position     a role that the prompts must have
        needs_edges  whether circuits are to be run edge by edge, which the check refuses where the model does

        ValueError for a metric or an ablation that is not known, and for parts that methods name and this model lacks.
        """
        super().__init__(config)
        lookup(METRICS, config.metric, "metric")
        ablation = checked_ablation(config)
        self.ran |= {"metric": config.metric, "ablation": ablation}
        for method in methods:
            require_parts(make_method(method["name"], method["settings"]).named_parts, config.model)
        checked: dict[str, Any] = {"methods": [with_fingerprints(method) for method in methods]}
        checked |= {} if position is None else {"position": position}
        checked |= {"needs_edges": True} if needs_edges else {}
        self.check = Job(CHECK, self.ran | checked, {"prompts": (self.prompts.key,)}, self.locations, is_apart=True)
        self.after = (self.check.key,)
        self.reference: tuple[Job, ...] = ()
        if ABLATIONS[ablation["name"]].needs_reference:
            inputs, weight = {"prompts": (self.prompts.key,)}, 1.0 + self.n_prompts
            self.reference = (Job(REFERENCE, self.ran, inputs, self.locations, self.after, weight),)
        self._measure()

    def sliced_job(
        self, stage: Stage, settings: dict[str, Any], inputs: dict[str, Any], cost: float, part: tuple[int, int]
    ) -> Job:
        """As ever, but after the baseline: that the model fails the task is said before long work, and how long that
        takes is told by how long the baseline took."""
        job = super().sliced_job(stage, settings, inputs, cost, part)
        return replace(job, after=(*job.after, self.baseline.key))

    def part(self, start: int, stop: int) -> FirstJobs:
        """The same on a part of the prompts, once all are checked; means that an ablation puts in are those of all."""
        part = copy.copy(self)
        part.n_prompts = stop - start
        part.prompts = Job(PART, {"part": [start, stop]}, {"prompts": (self.prompts.key,)})
        part._measure()
        return part

    def _measure(self) -> None:
        self.of_prompts = {"prompts": (self.prompts.key,)}
        self.of_prompts |= {"reference": keys_of(self.reference)} if self.reference else {}
        weight = 1.0 + 2 * self.n_prompts
        self.baseline = Job(BASELINE, self.ran, self.of_prompts, self.locations, self.after, weight)


def labels_of(config: PromptSettings) -> dict[str, Any]:
    """The labels of scores: the task and, where prompts were drawn, their seed."""
    return {"task": task_name(config), "seed": config.seed if config.is_drawn else None}


def task_name(config: PromptSettings) -> str:
    """What the run's task is called: of a prompt file, its name; of held-out wordings, the task with `-held-out`; with
    settings of its own that are not at their defaults, these behind it: `needle(cue=16)`."""
    kind = {**TASKS, **IMAGE_TASKS}.get(config.task)
    settings = {} if config.prompt_file or kind is None else task_settings(kind, config.task_settings)
    return with_settings(prompts_name(config), settings)


def prompts_name(config: PromptSettings) -> str:
    """The same without settings, for names of files."""
    if config.prompt_file:
        return config.prompt_file.stem
    return f"{config.task}-held-out" if config.held_out else config.task


def subject_name(config: PromptSettings) -> str:
    """What a run's name begins with: `ioi`, and of another model than the default one `ioi-smollm2-135m`.

    Patterns such as `runs/ioi-eap-ig-*` then match runs of one model. With `????????` in place of `*`, for the end of a
    name, they match those of one method as well, where another's name begins alike. A folder goes by its own name, a
    Hugging Face id by its last part; what is not safe in the name of a file becomes a hyphen.
    """
    if config.model == PromptSettings.model_fields["model"].default:
        return folder_begin(prompts_name(config))
    path = Path(config.model)
    name = real_path(path).name if is_path(config.model) else path.name
    if name.lower().endswith(GGUF):
        name = name[: -len(GGUF)]
    safe = re.sub(r"[^A-Za-z0-9._]+", "-", name)[:_MODEL_CHARACTERS].strip("-.")
    return f"{folder_begin(prompts_name(config))}-{safe or 'model'}"


def folder_begin(name: str) -> str:
    """A name as the beginning of a folder's: of a long one the beginning, so that the folder's is not too long."""
    return name.encode("utf-8", "surrogateescape")[:_PROMPTS_BYTES].decode("utf-8", "ignore")
