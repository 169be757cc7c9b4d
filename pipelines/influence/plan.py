"""The jobs that measure which texts use some heads, or a circuit.

texts --> influence-heads (and before it, where heads are ranked, the jobs of their profile) --> influence
texts, the jobs of a run --> reference --> circuit-influence

`influence` and `circuit-influence` are one job per slice of the texts.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from circuits.ablations import Mean
from circuits.data.texts import read_texts
from circuits.files import read_bytes
from circuits.model.sources import find_model, is_path, source_fingerprint, tokenizer_hash
from pipelines.discover.run import jobs_of, require_circuit
from pipelines.engine.execute import Work
from pipelines.engine.execution import Execution
from pipelines.engine.job import Job, keys_of, short_digest
from pipelines.engine.plan import Plan
from pipelines.engine.stage import Stage
from pipelines.engine.store import Store
from pipelines.influence.masked import Ranked, masked_from
from pipelines.influence.settings import InfluenceSettings
from pipelines.influence.stages import CHOOSE_HEADS, CIRCUIT_LOSSES, HEAD_LOSSES, TEXTS, digest_of_texts
from pipelines.profile.given import as_text
from pipelines.profile.plan import ProfilePlan
from pipelines.profile.plan import plan as plan_profile
from pipelines.profile.settings import ProfileSettings
from pipelines.runs.first_jobs import task_name
from pipelines.runs.model_parts import require_as_many_heads, require_edits
from pipelines.runs.run import Run, open_run, store_of
from pipelines.runs.stages import REFERENCE


@dataclass(frozen=True)
class InfluencePlan(Plan):
    """Texts to be read with something masked.

    texts    the job that holds them
    before   the jobs of the profile that ranks heads, or of the run whose circuit is ablated
    heads    the job that chooses heads; None where a circuit is ablated
    run      name of the run whose circuit is
    profile  the profile that ranks heads as it is written, and the task that it is measured on
    measure  the jobs of all slices
    """

    settings: InfluenceSettings
    texts: Job
    before: tuple[Job, ...]
    heads: Job | None
    reference: tuple[Job, ...]
    measure: tuple[Job, ...]
    run: str | None
    profile: tuple[str, str] | None
    store: Store

    @property
    def folder(self) -> Path:
        digest = short_digest(keys_of(self.measure))
        name = re.sub(r"[^A-Za-z0-9._]+", "-", self.settings.texts.stem).strip("-.")
        return self.store.folder / f"influence-{name or 'texts'}-{digest}"

    @property
    def work(self) -> Sequence[Work]:
        chosen = () if self.heads is None else (self.heads,)
        jobs = {job.key: job for job in (self.texts, *self.before, *chosen, *self.reference, *self.measure)}
        return (Work(self.store, tuple(jobs.values()), f"influence on {self.settings.texts.name}"),)


def plan(settings: InfluenceSettings, execution: Execution) -> InfluencePlan:
    """The jobs. ValueError before a model runs for texts that cannot be read, an unknown model, profile or run, and a
    circuit of another model."""
    digest = digest_of_texts(settings.texts)
    n_texts = len(read_texts(read_bytes(settings.texts), settings.texts.name))
    source = find_model(settings.model)
    spec = str(Path(settings.model).absolute()) if is_path(settings.model) else settings.model
    model = {"model": source_fingerprint(source)}
    locations = {"model": spec, "file": str(settings.texts.absolute())}
    asked = model | {"tokenizer": tokenizer_hash(source), "file": digest, "tokens": settings.tokens}
    texts = Job(TEXTS, asked, locations=locations)
    ran = model | {"dtype": settings.dtype, "random": settings.random, "seed": settings.seed}
    inputs = {"prompts": (texts.key,)}

    def sliced(stage: Stage, more: dict[str, Any], reads: dict[str, tuple[str, ...]]) -> tuple[Job, ...]:
        size = settings.prompts_per_job
        slices = [[start, min(start + size, n_texts)] for start in range(0, n_texts, size)]
        weight = 2.0 + settings.random
        return tuple(
            Job(stage, ran | more | {"slice": part}, inputs | reads, locations, weight=weight * (part[1] - part[0]))
            for part in slices
        )

    if settings.circuit is not None:
        _require_no_profile(settings)
        run = _circuit_run(settings, execution)
        before = jobs_of(run)
        if before.baseline.settings["model"] != model["model"]:
            raise ValueError(f"run {run.name} is of another model than {settings.model!r}. Give --model as in the run.")
        mean = {"ablation": {"name": Mean.name, "settings": {}}}
        reference = (Job(REFERENCE, model | {"dtype": settings.dtype} | mean, inputs, locations),)
        reads = {"choose": (before.circuit.key,), "reference": keys_of(reference)}
        measure = sliced(CIRCUIT_LOSSES, mean, reads)
        store = store_of(run, execution.out)
        return InfluencePlan(settings, texts, before.all, None, reference, measure, run.name, None, store)
    edits = {"edits": list(settings.edits)}
    given = masked_from(str(settings.heads), out=execution.out)
    if isinstance(given, Ranked):
        if not given.is_percent:
            require_as_many_heads(int(given.k), settings.model)
    else:
        _require_no_profile(settings)
        require_edits(given, settings.edits, settings.model)
    profiled = _profile_plan(settings, given, execution) if isinstance(given, Ranked) else None
    chosen: dict[str, Any] = {"heads": [] if isinstance(given, Ranked) else list(given)}
    profile, reads, before_heads = None, {}, ()
    if isinstance(given, Ranked) and profiled is not None and profiled.checked is not None:
        profile = as_text(given.profile), task_name(profiled.settings)
        chosen |= {"ranked": {"k": given.k, "is_percent": given.is_percent}}
        reads = {"check": (profiled.checked.key,), "measure": keys_of(profiled.measure)}
        before_heads = tuple(profiled.work[0].jobs)
    heads = Job(CHOOSE_HEADS, ran | edits | chosen, reads, locations, (texts.key,))
    measure = sliced(HEAD_LOSSES, edits, {"heads": (heads.key,)})
    return InfluencePlan(settings, texts, before_heads, heads, (), measure, None, profile, Store(execution.out))


def _circuit_run(settings: InfluenceSettings, execution: Execution) -> Any:
    given = settings.circuit
    return require_circuit(given if isinstance(given, Run) else open_run(given, out=execution.out))


def _require_no_profile(settings: InfluenceSettings) -> None:
    """ValueError where prompts of a profile are given, and no profile chooses the heads."""
    options = {"profile_task": "--profile-task", "task_settings": "--task-set", "profile_prompts": "--profile-prompts"}
    fields = InfluenceSettings.model_fields
    for name, option in options.items():
        if getattr(settings, name) != fields[name].get_default(call_default_factory=True):
            raise ValueError(
                f"{option} says on which prompts a profile ranks heads, and none does here: give --heads PROFILE:K, "
                f"such as retrieval:5%, or leave {option} out."
            )


def _profile_plan(settings: InfluenceSettings, ranked: Ranked, execution: Execution) -> ProfilePlan:
    asked: dict[str, Any] = settings.profiled(ranked.task).model_dump() | {"profiles": (as_text(ranked.profile),)}
    return plan_profile(ProfileSettings(**asked), execution)
