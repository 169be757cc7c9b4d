"""The runs to compare, and the jobs that run the circuits of each on the prompts of the others.

    choose, or minimize (of every run) --> choose-at-size (one job per run)
    choose, or minimize                --> draw-circuits, choose-half (one job per run)
    all of these, and a run's judging prompts --> transfer (one job per slice of each run's prompts)
    choose, or minimize, of two runs of one task in two models --> patch-across (`pipelines.compare.checkpoints`)

Overlap is read from what the runs stored, without a job.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from circuits.cached import cached_property
from circuits.files import read_bytes
from circuits.strict_json import parse_strictly
from pipelines.compare.checkpoints import patch_jobs
from pipelines.compare.settings import CompareSettings
from pipelines.compare.stages import AT_SIZE, DRAW_CIRCUITS, HALF, TRANSFER
from pipelines.compare.unused import are_of_one_model, require_draws, require_several_models, require_used
from pipelines.compare.weights import OnTask, circuits_on
from pipelines.discover.plan import Jobs
from pipelines.discover.rules import has_size
from pipelines.discover.run import DiscoverRun, jobs_of
from pipelines.engine.execute import Work
from pipelines.engine.execution import Execution
from pipelines.engine.job import Job, keys_of
from pipelines.engine.plan import Plan
from pipelines.engine.store import Store
from pipelines.runs.circuit_runs import Planned, Runner, how_many, lengths_from, outlook
from pipelines.runs.run import Run, open_run, store_of

# Bytes of a folder's name: file systems take 255, and the files in it have names of their own.
_LONGEST_NAME = 200
_OVERLAP_ONLY = "To compare only what is stored, give --overlap-only."


class TransferJobs(NamedTuple):
    """The jobs that run circuits on other tasks, in the order of the runs, and the store that keeps them.

    runs     those of the runs themselves
    sized    run number -> its circuit at the size of the largest; left out where its rule has no size
    half     run number -> its circuit at half its size; likewise
    on_task  [run] the jobs of its prompts
    circuits [run] those that are run on its prompts
    across   run, other run -> jobs that patch what the other's model writes into its own, where these differ
    """

    store: Store
    runs: tuple[Jobs, ...]
    drawn: tuple[Job, ...]
    sized: dict[int, Job]
    half: dict[int, Job]
    on_task: tuple[tuple[Job, ...], ...]
    circuits: tuple[OnTask, ...]
    across: dict[tuple[int, int], tuple[Job, ...]]

    @property
    def all(self) -> tuple[Job, ...]:
        """Every job once, each after the jobs that it reads."""
        of_runs = (job for jobs in self.runs for job in jobs.all)
        every = (
            *of_runs,
            *self.drawn,
            *self.sized.values(),
            *self.half.values(),
            *(job for jobs in self.on_task for job in jobs),
        )
        every += tuple(job for jobs in self.across.values() for job in jobs)
        return tuple({job.key: job for job in every}.values())


@dataclass(frozen=True)
class ComparePlan(Plan):
    """Runs, and where their comparison goes.

    transfer     None where no circuit is run on another task; `no_transfer` says why
    """

    runs: tuple[Run, ...]
    across_models: bool
    target: Path
    transfer: TransferJobs | None
    no_transfer: str | None = None

    @property
    def folder(self) -> Path:
        return self.target

    @property
    def work(self) -> Sequence[Work]:
        if self.transfer is None:
            return ()
        names = ", ".join(run.name for run in self.runs)
        return (Work(self.transfer.store, self.transfer.all, f"transfer between {names}"),)

    @property
    def outlook(self) -> str:
        """How many circuits are run."""
        if self.transfer is None:
            return ""
        each = zip(self.transfer.on_task, self.transfer.circuits, strict=True)
        return outlook(how_many(self.transfer.store, (Planned(jobs, circuits.n_runs) for jobs, circuits in each)))

    def weights_after(self, done: Job) -> Mapping[str, float]:
        """Once the prompts of all tasks are there: passes of long prompts take longer than passes of short ones."""
        if self.transfer is None:
            return {}
        prompts, store = [jobs.judging.key for jobs in self.transfer.runs], self.transfer.store
        return self._weights if done.key in prompts and all(map(store.has, prompts)) else {}

    @cached_property
    def _weights(self) -> dict[str, float]:
        """Key of a job on a task's prompts -> how many passes of a prompt of the mean length of all tasks it takes."""
        assert self.transfer is not None
        store, runs = self.transfer.store, self.transfer.runs
        lengths = [lengths_from(store.read(jobs.judging.key)).mean for jobs in runs]
        longer = [of_task * len(lengths) / sum(lengths) for of_task in lengths]
        return {
            job.key: job.weight * times
            for on_task, times in zip(self.transfer.on_task, longer, strict=True)
            for job in on_task
        }


def plan(settings: CompareSettings, execution: Execution) -> ComparePlan:
    """The runs, opened, and the jobs of their transfer.

    ValueError where a run is unknown, not finished or damaged, where a run can no longer be computed on, and for a
    setting that would have no effect.
    """
    if settings.overlap_only:
        require_used(settings, ("draws", "seed"), "--overlap-only compares what is stored", execution=execution)
    require_draws(settings)
    runs = tuple(run if isinstance(run, Run) else open_run(run, out=execution.out) for run in settings.runs)
    for run in runs:
        run.require_whole()
    names = [run.name for run in runs]
    target = settings.folder or execution.out / comparison_name(names)
    require_own(target, names)
    require_several_models(settings, runs)
    if (reason := _no_transfer(runs, settings)) is not None:
        if settings.across_models or are_of_one_model(runs):  # others are refused, for a better reason
            require_used(settings, ("draws", "seed"), f"nothing is drawn where no circuit is run: {reason}")
        return ComparePlan(runs, settings.across_models, target, None, reason)
    return ComparePlan(runs, settings.across_models, target, _transfer_jobs(runs, settings, execution))


def require_own(target: Path, names: Sequence[str]) -> None:
    """Raise a ValueError where a folder holds another comparison, some files of which would stay beside the new ones.

    names  of what is compared
    """
    try:
        found = parse_strictly(read_bytes(target / "summary.json"))
    except (OSError, ValueError):
        return  # there is none, or what is left of one
    held = _compared(found)
    if held and held != list(names):
        raise ValueError(
            f"{target} holds the comparison of {', '.join(held)}. Choose another folder with --out, or delete that one."
        )


def _compared(found: Any) -> list[str]:
    """What a summary of a comparison says that it compares: runs, or runs and published circuits."""
    runs = found.get("runs") if isinstance(found, dict) else None
    if isinstance(runs, dict):
        return list(map(str, runs.values()))
    circuits = found.get("circuits") if isinstance(found, dict) else None
    rows = circuits if isinstance(circuits, list) else []
    return [str(row.get("name")) for row in rows if isinstance(row, dict)]


def comparison_name(names: Sequence[str]) -> str:
    """The folder of a comparison within the store, from the names of its runs."""
    both = "-".join(("compare", *names))
    if len(names) == 2 and len(both.encode()) <= _LONGEST_NAME:
        return both
    return f"compare-{len(names)}-{hashlib.sha256(' '.join(names).encode()).hexdigest()[:8]}"


def _no_transfer(runs: Sequence[Run], settings: CompareSettings) -> str | None:
    """Why no circuit is run on another task; None where all are."""
    if settings.overlap_only:
        return "not asked for (--overlap-only)"
    if traces := [run.name for run in runs if not isinstance(run, DiscoverRun)]:
        return f"{traces[0]} is a causal trace, whose layers are no circuit that could be run"
    models = {run.scores.provenance.model_fingerprint: run.name for run in runs}
    if len(models) > 1 and not settings.across_models:
        return f"{' and '.join(models.values())} are of different models"
    if any(run.circuit.wiring != runs[0].circuit.wiring for run in runs):
        return f"{' and '.join(models.values())} are of models with different wirings"
    dtypes = {run.config.dtype: run.name for run in runs}
    if len(dtypes) > 1:
        return f"{' and '.join(dtypes.values())} were computed in different precisions ({', '.join(dtypes)})"
    if empty := [run.name for run in runs if not run.circuit.edges]:
        return f"the circuit of {empty[0]} is empty"
    return None


def _transfer_jobs(runs: Sequence[Run], settings: CompareSettings, execution: Execution) -> TransferJobs:
    of_runs = []
    for run in runs:
        assert isinstance(run, DiscoverRun)
        try:
            of_runs.append(jobs_of(run))
        except ValueError as error:
            raise ValueError(f"{error} {_OVERLAP_ONLY}") from None
    chosen = keys_of(jobs.circuit for jobs in of_runs)
    seed = {"seed": settings.seed}
    drawn = tuple(_drawn(jobs, settings) for jobs in of_runs)
    sized = {number: _at_size(jobs, chosen) for number, jobs in enumerate(of_runs) if _has_size(jobs)}
    half = {number: _half(of_runs[number]) for number in sized}
    of_all = {"drawn": keys_of(drawn)} | {f"sized_{number}": (job.key,) for number, job in sized.items()}
    of_all |= {f"half_{number}": (job.key,) for number, job in half.items()}
    store = store_of(runs[0], execution.out)
    shares = [run.circuit.n_edges / run.circuit.of_edges for run in runs]
    circuits = tuple(circuits_on(number, shares, sized, settings.draws) for number in range(len(runs)))
    on_task = []
    for number, jobs in enumerate(of_runs):
        baseline, asked = jobs.judged_baseline, seed | {"target": number}
        slices = [judged.settings["slice"] for judged in jobs.judge]
        runner = Runner.of(jobs.judging, baseline.locations["model"], store)
        on_task.append(
            tuple(
                Job(
                    TRANSFER,
                    baseline.settings | asked | {"slice": part},
                    baseline.inputs | of_all,
                    baseline.locations,
                    baseline.after,
                    # Once for the metric, and once for the accuracy.
                    weight=runner.weight(part[0], part[1], circuits[number].circuits, n_recorded=2),
                )
                for part in slices
            )
        )
    across = patch_jobs(runs, of_runs, draws=settings.draws, seed=settings.seed)
    return TransferJobs(store, tuple(of_runs), drawn, sized, half, tuple(on_task), circuits, across)


def _drawn(jobs: Jobs, settings: CompareSettings) -> Job:
    """Random and renamed circuits for a run."""
    baseline = jobs.judged_baseline
    asked = {name: baseline.settings[name] for name in ("model", "dtype", "metric")}
    asked |= {"draws": settings.draws, "seed": settings.seed}
    inputs = {"prompts": baseline.inputs["prompts"], "choose": (jobs.circuit.key,)}
    # It draws, and runs no model: its pace says nothing of jobs that do.
    return Job(DRAW_CIRCUITS, asked, inputs, baseline.locations, baseline.after, is_apart=True)


def _at_size(jobs: Jobs, chosen: tuple[str, ...]) -> Job:
    """A run's circuit at the size of the largest of all."""
    return Job(AT_SIZE, {"rule": jobs.choose.settings["rule"]}, _to_choose_again(jobs) | {"all": chosen})


def _half(jobs: Jobs) -> Job:
    """A run's circuit at half its size."""
    return Job(HALF, {"rule": jobs.choose.settings["rule"]}, _to_choose_again(jobs))


def _to_choose_again(jobs: Jobs) -> dict[str, tuple[str, ...]]:
    """What choosing a circuit of another size by the same rule reads."""
    read = {name: keys for name, keys in jobs.choose.inputs.items() if name not in ("baseline", "nodes", "reference")}
    return read | {"choose": (jobs.circuit.key,)}


def _has_size(jobs: Jobs) -> bool:
    """Whether the circuit's rule gives one of any number of edges."""
    settings = jobs.choose.settings
    if jobs.minimize:  # the smallest circuit there is
        return False
    return settings["kind"] == "edges" and settings["threshold"] is None and has_size(settings["rule"])
