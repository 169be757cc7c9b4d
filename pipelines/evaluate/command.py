"""Judge finished runs, from Python; `circuits evaluate` is a thin layer over `evaluate`."""

from __future__ import annotations

import hashlib
import json
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from circuits.evaluation.known_circuit import KnownCircuit
from pipelines.discover.known_circuit import known_circuit
from pipelines.engine.execute import Interrupted, execute
from pipelines.engine.progress import Progress, progress_on
from pipelines.engine.store import Store, write_atomically, write_json
from pipelines.evaluate.plan import JudgeJobs, judge_jobs
from pipelines.evaluate.report import evaluation_row
from pipelines.evaluate.settings import Asked
from pipelines.evaluate.table import as_csv
from pipelines.reporting.tables import Row
from pipelines.runs.run import open_run, store_of
from pipelines.runs.settings_file import execution_from

if TYPE_CHECKING:
    from pipelines.engine.execution import Execution
    from pipelines.engine.job import Job
    from pipelines.runs.run import Run

FORMAT = "circuit-workbench-evaluation"
VERSION = 1


@dataclass(frozen=True)
class Evaluation:
    """Evaluated runs, and what this call cost.

    rows    one per run, as plain values (`pipelines.evaluate.report`)
    truth   name of the known circuit that rankings were compared with
    folder  holds evaluation.json and evaluation.csv
    """

    rows: tuple[Row, ...]
    truth: str | None
    folder: Path
    n_jobs: int
    n_computed: int
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        """The content of evaluation.json: the results, without their cost."""
        return {"format": FORMAT, "version": VERSION, "truth": self.truth, "runs": list(self.rows)}


class _Case(NamedTuple):
    run: Run
    jobs: JudgeJobs
    store: Store

    @property
    def group(self) -> tuple[Path, str, str]:
        """Cases with the same store and the same loaded model are computed together."""
        settings = self.jobs.run.baseline.settings
        return self.store.folder, settings["model"], settings["dtype"]


def evaluate(
    runs: Run | str | Path | Sequence[Run | str | Path],
    *,
    truth: KnownCircuit | str | Path | None = None,
    random: int = Asked.random,
    knockouts: int = Asked.knockouts,
    resamples: int = Asked.resamples,
    seed: int = Asked.seed,
    folder: str | Path | None = None,
    out: str | Path = "runs",
    shows_progress: bool = False,
    **execution: Any,
) -> Evaluation:
    """Judge finished runs: faithful, complete, minimal, better than chance, stable, true, and at what cost.

    runs       folders or names within the store `out`; a run elsewhere keeps its results in its own store
    truth      a known circuit: a JSON file (`edges_that_matter` or `edges`, optionally `nodes`), the name of a
               published one (`circuits.evaluation.published`), or a finished run, whose circuit is the ground truth
    random     how many random circuits of the same size; knockouts: how many random sets of components to knock out;
               resamples: of the prompts, for the stability. 0 skips that part
    folder     where to save evaluation.json and evaluation.csv; by default `evaluate-...` within `out`
    execution  workers, scheduler, gpus, device, as in `discover`

    Computes only what the store lacks. Raises a ValueError before any model runs if a run is unknown, unfinished or
    out of date, or if the known circuit belongs to another model.

    >>> from pipelines import discover, evaluate
    >>> run = discover("ioi", prompts=8, edges=40)
    >>> row = evaluate(run, random=2, knockouts=2, resamples=10).rows[0]
    >>> row["n_edges"], round(row["faithfulness"], 1), round(row["random"]["faithfulness"]["value"], 1)
    (36, 0.6, 0.0)
    """
    began = time.monotonic()
    where = execution_from({"out": out} | execution)
    given = [runs] if isinstance(runs, str | Path) or not isinstance(runs, Sequence) else list(runs)
    known, asked = known_circuit(truth, where.out), Asked(random, knockouts, resamples, seed)
    cases = [_case(run, asked, known, where) for run in _opened(given, where)]
    options = [] if asked == Asked() and known is None else [repr(asked), repr(known)]
    target = Path(folder) if folder is not None else Path(out) / _name([case.run.name for case in cases], options)
    todo = _todo(cases)
    n_jobs = len({(case.store.folder, job.key) for case in cases for job in case.jobs.all})
    n_todo = sum(map(len, todo.values()))
    try:
        _compute(cases, todo, where, n_jobs, shows_progress=shows_progress)
    except KeyboardInterrupt:
        n_kept = n_jobs - sum(map(len, _todo(cases).values()))
        again = _command(cases, asked, truth, folder, out)
        raise Interrupted(n_kept, n_jobs, again) from None
    rows = tuple(evaluation_row(case.run, case.jobs, case.store, known) for case in cases)
    evaluation = Evaluation(
        rows, None if known is None else known.name, target, n_jobs, n_todo, time.monotonic() - began
    )
    write_json(target / "evaluation.json", evaluation.to_dict())
    write_atomically(target / "evaluation.csv", as_csv(rows))
    return evaluation


def _command(cases: Sequence[_Case], asked: Asked, truth: Any, folder: Any, out: Any) -> str:
    """The command that resumes this call after an interruption."""
    options = {name: value for name, value in asdict(asked).items() if name != "seed"} | {"out": folder, "runs": out}
    if not isinstance(truth, KnownCircuit):
        options["truth"] = truth
    given = " ".join(f"--{name} {value}" for name, value in options.items() if value is not None)
    return f"circuits evaluate {' '.join(str(case.run.folder) for case in cases)} {given}"


def _opened(given: Sequence[Run | str | Path], where: Execution) -> list[Run]:
    """The runs, each once."""
    if not given:
        raise ValueError("no run is given. `circuits status` lists the runs of a store.")
    opened = [open_run(run, out=where.out) if isinstance(run, str | Path) else run for run in given]
    return list({run.name: run for run in opened}.values())


def _case(run: Run, asked: Asked, known: KnownCircuit | None, where: Execution) -> _Case:
    store = store_of(run, where.out)
    try:
        if known is not None:
            known.check(run.graph.wiring)
        return _Case(run, judge_jobs(run, asked), store)
    except ValueError as error:
        raise ValueError(f"run {run.name}: {error}") from None


def _todo(cases: Sequence[_Case]) -> dict[tuple[Path, str, str], list[Job]]:
    """The jobs that the stores lack, by store and model, each once."""
    by_group: dict[tuple[Path, str, str], dict[str, Job]] = {}
    for case in cases:
        jobs = by_group.setdefault(case.group, {})
        jobs |= {job.key: job for job in case.jobs.all if job.key not in jobs and not case.store.has(job.key)}
    return {group: list(jobs.values()) for group, jobs in by_group.items()}


def _compute(
    cases: Sequence[_Case],
    todo: Mapping[tuple[Path, str, str], list[Job]],
    where: Execution,
    n_jobs: int,
    *,
    shows_progress: bool,
) -> None:
    stores = {case.group: case.store for case in cases}
    for store in stores.values():
        store.prepare()
    every = [job for jobs in todo.values() for job in jobs]
    progress = progress_on(sys.stderr, every, n_jobs) if shows_progress and every else Progress()
    with progress:
        for group, jobs in todo.items():
            execute(jobs, stores[group], where, on_done=progress.done)


def _name(runs: Sequence[str], options: Sequence[str]) -> str:
    """The same folder for the same runs and options."""
    digest = hashlib.sha256(json.dumps([sorted(runs), *options]).encode()).hexdigest()[:8]
    if len(runs) > 1:
        return f"evaluate-{digest}"
    return f"evaluate-{runs[0]}-{digest}" if options else f"evaluate-{runs[0]}"
