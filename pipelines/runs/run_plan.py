"""What the plans of runs have in common, whichever command makes them."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol

from circuits.files import write_atomically
from pipelines.engine.execute import Work
from pipelines.engine.job import Job
from pipelines.engine.plan import Plan
from pipelines.engine.store import Store, as_json
from pipelines.runs.begun import forget_begun, note_begun
from pipelines.runs.caveats import at_baseline
from pipelines.runs.codec import baseline_from, prompts_from
from pipelines.runs.failure import forget_failure, note_failure
from pipelines.runs.method_settings import with_absolute_paths
from pipelines.runs.record import FORMAT, RECORD, SETTINGS, VERSION, command_of, is_begun, is_unfinished, read_record
from pipelines.runs.settings import NamedRunConfig
from pipelines.runs.settings_file import as_yaml
from pipelines.runs.stages import CHECK, PROMPTS

# Of the settings in which two runs differ, as many are named in an error.
_SHOWN = 3


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
    config: NamedRunConfig
    jobs: RunJobs
    store: Store

    @property
    def run_name(self) -> str:
        """The name that was asked for, or one that is readable and the same for the same results."""
        return self.config.name or self.own_name

    @property
    def own_name(self) -> str:
        """Of a run that was given no name: task, model where not the default one, method, part of a key."""
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

    def require_own_folder(self) -> None:
        """Raise a ValueError where the run's folder holds something else, which would be overwritten."""
        if (self.folder / RECORD).exists():
            if is_begun(self.folder) and not self._was_never_begun(record := read_record(self.folder)):
                _require_same(self, record)
        elif self.folder.exists() and not (self.folder / SETTINGS).is_file() and not _is_empty(self.folder):
            raise ValueError(f"{self.folder} is there, and is no run: give the run another name with --name.")

    def begin(self, command: str) -> None:
        """Make the folder, so that an interrupted run is listed and can continue."""
        self._note_settings()
        forget_failure(self.folder)
        if is_unfinished(self.folder):
            note_begun(self.folder, command)

    def end(self, error: Exception | None, command: str, *, computed: Sequence[Job] = ()) -> None:
        """Keep the error of a run that is not finished beside its record, also of one that failed before it began.

        What is refused before its check has passed, and before the model has run for it, is no run.
        """
        if error is None:
            forget_failure(self.folder)
            forget_begun(self.folder)
            return
        has_run = self.store.has(self.check.key) or any(job.stage != PROMPTS for job in computed)
        if isinstance(error, ValueError) and not has_run:
            return
        # Where nothing can be written, the error itself is what matters.
        with contextlib.suppress(OSError, ValueError):
            self._note_settings()
        if is_unfinished(self.folder):
            note_failure(self.folder, error)
            note_begun(self.folder, command)

    def _note_settings(self) -> None:
        """Write what was asked for, unless it is there: of a run that never began, another may have the name."""
        if is_begun(self.folder) and _is_of(self, read_record(self.folder)):
            return
        write_atomically(self.folder / SETTINGS, _config_file(self))
        write_atomically(self.folder / RECORD, as_json(_record(self, hashes={})))

    def _was_never_begun(self, record: Mapping[str, Any]) -> bool:
        """Whether a run ended before its check had passed: another may have its name."""
        checks = [job["key"] for job in record["jobs"] if job.get("stage") == CHECK.name]
        return is_unfinished(self.folder) and not any(self.store.has(key) for key in checks)


def _is_empty(folder: Path) -> bool:
    """Whether a folder holds nothing but what was left of files that could not be written, as on a full disk."""
    return folder.is_dir() and all(path.name.startswith(".") for path in folder.iterdir())


def _require_same(plan: RunPlan, record: Mapping[str, Any]) -> None:
    """Raise a ValueError where a record is not that of the plan's run: the same settings again give the same run."""
    if _is_of(plan, record):
        return
    ours, theirs = _asked(plan), {"command": command_of(record), **record["config"]}
    differing = [name for name in ours if name != "name" and ours[name] != theirs.get(name)]
    other = (
        "; ".join(
            f"{name.replace('_', ' ')} {_given(theirs.get(name))}, not {_given(ours[name])}"
            for name in differing[:_SHOWN]
        )
        or "the same settings with other prompts or weights in their files, or an older version of this package"
    )
    raise ValueError(
        f"the name {plan.run_name!r} is taken by another run in {plan.store.folder} ({other}). No model was run. "
        "Choose another name with --name, or delete that folder."
    )


def _given(value: Any) -> str:
    """A setting's value for people."""
    return "left out" if value is None else str(value)


def _is_of(plan: RunPlan, record: Mapping[str, Any]) -> bool:
    """Whether a record is that of the plan's run."""
    return plan.jobs.graph.key in {job["key"] for job in record["jobs"]}


def _asked(plan: RunPlan) -> dict[str, Any]:
    return {"command": plan.command, **with_absolute_paths(plan.config).model_dump(mode="json")}


def run_files(plan: RunPlan, files: Mapping[str, bytes], *, beside: Mapping[str, bytes]) -> dict[str, bytes]:
    """All files of a finished run, its settings first and its record last.

    files   those that the run is read from: the record holds their hashes
    beside  those for people
    """
    kept = {SETTINGS: _config_file(plan), **files}
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
