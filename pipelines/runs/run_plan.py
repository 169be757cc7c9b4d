"""What the plans of runs have in common, whichever command makes them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol

from pipelines.engine.execute import Work
from pipelines.engine.job import Job
from pipelines.engine.plan import Plan
from pipelines.engine.store import Store, as_json, write_atomically
from pipelines.runs.caveats import at_baseline
from pipelines.runs.codec import baseline_from, prompts_from
from pipelines.runs.method_settings import with_absolute_paths
from pipelines.runs.record import FORMAT, RECORD, VERSION, is_begun
from pipelines.runs.settings import RunConfig
from pipelines.runs.settings_file import as_yaml


class RunJobs(Protocol):
    """The jobs of a run."""

    @property
    def check(self) -> Job: ...
    @property
    def baseline(self) -> Job: ...
    @property
    def graph(self) -> Job: ...
    @property
    def all(self) -> tuple[Job, ...]: ...


@dataclass(frozen=True)
class RunPlan(Plan):
    """The jobs of a run, and the store that keeps them.

    command  that makes such runs
    """

    command: ClassVar[str]
    config: RunConfig
    jobs: RunJobs
    store: Store

    @property
    def run_name(self) -> str:
        """Readable, and the same for the same results: task, model where not the default one, method, part of a key."""
        raise NotImplementedError

    @property
    def folder(self) -> Path:
        return self.store.folder / self.run_name

    @property
    def work(self) -> Sequence[Work]:
        return (Work(self.store, self.jobs.all, f"run {self.run_name}"),)

    @property
    def check(self) -> Job:
        return self.jobs.check

    def announcement(self, done: Job) -> str | None:
        if done.key != self.jobs.baseline.key or self.store.has(self.jobs.graph.key):
            return None
        (prompts,) = done.inputs["prompts"]
        return at_baseline(baseline_from(self.store.read(done.key)), prompts_from(self.store.read(prompts)))

    def begin(self) -> None:
        """Make the folder, so that an interrupted run is listed and can continue."""
        if not is_begun(self.folder):
            write_atomically(self.folder / "config.yaml", _config_file(self))
            write_atomically(self.folder / RECORD, as_json(_record(self, hashes={})))


def run_files(plan: RunPlan, files: Mapping[str, bytes], *, beside: Mapping[str, bytes]) -> dict[str, bytes]:
    """All files of a finished run, its settings first and its record last.

    files   those that the run is read from: the record holds their hashes
    beside  those for people
    """
    kept = {"config.yaml": _config_file(plan), **files}
    hashes = {name: hashlib.sha256(data).hexdigest() for name, data in kept.items()}
    return {**kept, **beside, RECORD: as_json(_record(plan, hashes=hashes))}


def _config_file(plan: RunPlan) -> bytes:
    return as_yaml(with_absolute_paths(plan.config)).encode()


def _record(plan: RunPlan, *, hashes: Mapping[str, str]) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "version": VERSION,
        "command": plan.command,
        "name": plan.run_name,
        "config": with_absolute_paths(plan.config).model_dump(mode="json"),
        "jobs": [{"stage": job.stage.name, "label": job.label, "key": job.key} for job in plan.jobs.all],
        "files": dict(hashes),
    }
