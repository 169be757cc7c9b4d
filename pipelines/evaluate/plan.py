"""The jobs that judge a finished run, and what each of their stages computes.

    choose  --> search-knockouts --> knockouts
    choose  --> random-circuits, hypothesis-runs; random-curve reads nothing
    measure --> budgets --> curve (edge methods), or node-curve (component methods)
    measure, choose --> stability (no model run)

`search-knockouts` uses the first slice of the prompts only; `knockouts`, `random-circuits`, `hypothesis-runs` and the
curves are one job per slice. A run is judged on those of its prompts that judge its circuit, under its own metric and
ablation.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from circuits.evaluation.budgets import BUDGETS
from circuits.evaluation.knockouts import KnockoutSearch
from circuits.evaluation.known_circuit import KnownCircuit
from circuits.files import real_path
from circuits.methods import METHODS
from pipelines.costs.circuit_runs import Circuits
from pipelines.discover.known_circuit import known_circuit
from pipelines.discover.plan import Jobs
from pipelines.discover.run import DiscoverRun, jobs_of, require_circuit
from pipelines.engine.execute import Work
from pipelines.engine.execution import Execution
from pipelines.engine.job import Job, keys_of
from pipelines.engine.plan import Plan
from pipelines.engine.stage import Stage
from pipelines.engine.store import Store
from pipelines.evaluate.settings import EvaluateSettings
from pipelines.evaluate.stages import (
    HYPOTHESIS_RUNS,
    KNOCKOUTS,
    NODE_CURVE,
    RANDOM_CIRCUITS,
    RANDOM_CURVE,
    SEARCH_KNOCKOUTS,
    STABILITY,
)
from pipelines.evaluate.weights import N_OF_CURVE, Judged, n_runs, of_components
from pipelines.runs.circuit_runs import Planned, Runner, how_many, outlook
from pipelines.runs.run import Run, open_run, store_of

# How many circuit runs the search for knock-outs may take unasked: half of one each where they are resumed.
_MOST_RUNS = 400
# Of how many parts the hypothesis of minimality is tested.
_MOST_TESTED = 50
# Of how many components the use is measured where the search would take more.
_LEAST_USED = 24


class JudgeJobs(NamedTuple):
    """All jobs that judging one run takes, including those of the run itself. Empty or None: not requested."""

    run: Jobs
    search: Job | None
    knockouts: tuple[Job, ...]
    random: tuple[Job, ...]
    random_curve: tuple[Job, ...]
    hypotheses: tuple[Job, ...]
    node_curve: tuple[Job, ...]
    stability: Job | None
    circuit_runs: tuple[Planned, ...]

    @property
    def all(self) -> tuple[Job, ...]:
        """Every job once, each after the jobs that it reads."""
        single = [job for job in (self.search, self.stability) if job is not None]
        of_circuits = (*self.knockouts, *self.random, *self.random_curve, *self.hypotheses, *self.node_curve)
        return (*self.run.all, *single, *of_circuits)


class Case(NamedTuple):
    """A run to judge, the jobs that it takes, and the store that keeps them."""

    run: DiscoverRun
    jobs: JudgeJobs
    store: Store

    @property
    def group(self) -> tuple[Path, str, str]:
        """Cases with the same store and the same loaded model are computed together."""
        settings = self.jobs.run.baseline.settings
        return self.store.folder, settings["model"], settings["dtype"]


@dataclass(frozen=True)
class EvaluatePlan(Plan):
    """Runs to judge, and the circuit that is known to be right."""

    cases: tuple[Case, ...]
    known: KnownCircuit | None
    target: Path

    @property
    def folder(self) -> Path:
        return self.target

    @property
    def work(self) -> Sequence[Work]:
        """One part per store and model, with every job once."""
        groups: dict[tuple[Path, str, str], list[Case]] = {}
        for case in self.cases:
            groups.setdefault(case.group, []).append(case)
        return [_work(cases) for cases in groups.values()]

    @property
    def outlook(self) -> str:
        """How many circuits are run."""
        return outlook(sum(how_many(case.store, case.jobs.circuit_runs) for case in self.cases))


def _work(cases: Sequence[Case]) -> Work:
    jobs = {job.key: job for case in cases for job in case.jobs.all}
    first, *others = [case.run.name for case in cases]
    more = f" and {len(others)} more" if others else ""
    return Work(cases[0].store, tuple(jobs.values()), f"run {first}{more}")


def plan(settings: EvaluateSettings, execution: Execution) -> EvaluatePlan:
    """The jobs that judge runs, each of which is taken once.

    Raises a ValueError before any model runs if a run is unknown, unfinished or out of date, or if the known circuit
    belongs to another model.
    """
    known = known_circuit(settings.truth, execution.out)
    opened = [run if isinstance(run, Run) else open_run(run, out=execution.out) for run in settings.runs]
    runs = list({real_path(run.folder): run for run in opened}.values())
    cases = tuple(_case(run, settings, known, execution) for run in runs)
    return EvaluatePlan(cases, known, settings.folder or execution.out / _name(cases, settings, known))


def _case(run: Run, settings: EvaluateSettings, known: KnownCircuit | None, execution: Execution) -> Case:
    try:
        if known is not None:
            known.check(run.circuit.wiring)
        circuit = require_circuit(run)
        circuit.require_whole()
        store = store_of(run, execution.out)
        return Case(circuit, judge_jobs(circuit, settings, store), store)
    except ValueError as error:
        of_run = "" if run.name in str(error) else f"run {run.name}: "
        raise ValueError(f"{of_run}{error}") from None


def _name(cases: Sequence[Case], settings: EvaluateSettings, known: KnownCircuit | None) -> str:
    """The same folder for the same runs and the same amounts."""
    runs = [case.run.name for case in cases]
    defaults = EvaluateSettings(runs=("",)).amounts
    options = [] if settings.amounts == defaults and known is None else [repr(settings.amounts), repr(known)]
    digest = hashlib.sha256(json.dumps([sorted(runs), *options]).encode()).hexdigest()[:8]
    if len(runs) > 1:
        return f"evaluate-{digest}"
    return f"evaluate-{runs[0]}-{digest}" if options else f"evaluate-{runs[0]}"


def judge_jobs(run: DiscoverRun, asked: EvaluateSettings, store: Store) -> JudgeJobs:
    """The jobs that judge a run, done or not. ValueError if the run can no longer be planned as it was."""
    config, method = run.config, METHODS[run.config.method]
    scores_components = method.result == "components"
    jobs = jobs_of(run, curve=not scores_components and method.scores_paths)
    judging = _Judging(run, jobs, store)
    chosen, own = {"choose": (jobs.circuit.key,)}, judging.circuit
    search, knockouts = _knockout_jobs(run, judging, asked, chosen)
    random: tuple[Job, ...] = ()
    if asked.random and run.circuit.edges:
        random = judging.jobs(RANDOM_CIRCUITS, {"n": asked.random, "seed": asked.seed}, chosen, own.drawn(asked.random))
    of_sizes: tuple[Job, ...] = ()
    if asked.random_curve and jobs.curve:
        sizes = [size for budget in BUDGETS if (size := int(budget * run.circuit.of_edges))]
        settings = {"n": asked.random_curve, "seed": asked.seed, "sizes": sizes}
        of_sizes = judging.jobs(RANDOM_CURVE, settings, {}, own.drawn_of_sizes(asked.random_curve, sizes))
    node_curve: tuple[Job, ...] = ()
    if scores_components:
        nodes = {"nodes": keys_of(jobs.measure_nodes), "chosen_on": (jobs.choosing.key,)}
        node_curve = judging.jobs(NODE_CURVE, {"position": config.position}, nodes, of_components(N_OF_CURVE))
    tested: tuple[Job, ...] = ()
    if asked.hypotheses and run.circuit.edges:
        settings = {"draws": asked.hypotheses, "most": _MOST_TESTED, "seed": asked.seed}
        # As many components at most, where circuits are made of these.
        runs = own.for_hypotheses(draws=asked.hypotheses, most=_MOST_TESTED)
        tested = judging.jobs(HYPOTHESIS_RUNS, settings, chosen, runs)
    stable = None
    if asked.resamples and run.circuit.edges:
        ranked = {
            "kind": jobs.choose.settings["kind"],
            "absolute": run.summary["choice"]["ranking"] == "absolute",
            "position": config.position,
        }
        of_scores = {name: jobs.choose.inputs[name] for name in ("prompts", "edges", "nodes")}
        stable = Job(STABILITY, ranked | {"resamples": asked.resamples, "seed": asked.seed}, of_scores | chosen)
    of_run = Planned(jobs.curve, N_OF_CURVE)
    return JudgeJobs(jobs, search, knockouts, random, of_sizes, tested, node_curve, stable, (*judging.planned, of_run))


def _knockout_jobs(
    run: DiscoverRun, judging: _Judging, asked: EvaluateSettings, chosen: Mapping[str, tuple[str, ...]]
) -> tuple[Job | None, tuple[Job, ...]]:
    n = sum(node.component.is_node for node in run.circuit.nodes)
    if not asked.knockouts or not n:
        return None, ()
    size, own = knockout_search(n, asked), judging.circuit
    runs = own.searched(size, n)
    (search,) = judging.jobs(SEARCH_KNOCKOUTS, {"search": asdict(size)}, chosen, runs, n_slices=1)
    return search, judging.jobs(KNOCKOUTS, {}, {**chosen, "search": (search.key,)}, own.knocked_out(size, n))


def has_no_edges(run: DiscoverRun) -> bool:
    """Whether the model refuses edges, so that circuits are made of components."""
    return not run.scores.measured.any()


def knockout_search(n_components: int, asked: EvaluateSettings) -> KnockoutSearch:
    """All of the search where asked for or where it is small; else the part that every circuit can afford."""
    whole = KnockoutSearch(sets=asked.knockouts, seed=asked.seed)
    n_runs = whole.n_search_runs(n_components) + whole.n_measured_runs(n_components)
    if asked.thorough or n_runs <= _MOST_RUNS:
        return whole
    return replace(whole, components=_LEAST_USED, grows=False)


class _Judging:
    """Makes jobs on the prompts that judge a run, on the same model, metric and ablation, and notes which circuits they
    run."""

    def __init__(self, run: DiscoverRun, jobs: Jobs, store: Store) -> None:
        self._baseline, self._judged, self.planned = jobs.judged_baseline, jobs.judge, list[Planned]()
        self._runner = Runner.of(jobs.judging, self._baseline.locations["model"], store)
        self.circuit = Judged(run.circuit, are_whole=has_no_edges(run))

    def jobs(
        self,
        stage: Stage,
        settings: Mapping[str, Any],
        inputs: Mapping[str, tuple[str, ...]],
        circuits: Sequence[Circuits],
        *,
        n_slices: int | None = None,
    ) -> tuple[Job, ...]:
        """One job per slice of the prompts, of the first few or of all."""
        slices = [job.settings["slice"] for job in self._judged[:n_slices]]
        made = tuple(self._job(stage, settings, inputs, circuits, part) for part in slices)
        self.planned.append(Planned(made, n_runs(circuits)))
        return made

    def _job(
        self,
        stage: Stage,
        settings: Mapping[str, Any],
        inputs: Mapping[str, tuple[str, ...]],
        circuits: Sequence[Circuits],
        part: Sequence[int],
    ) -> Job:
        start, stop = part
        return Job(
            stage,
            {**self._baseline.settings, **settings, "slice": [start, stop]},
            {**self._baseline.inputs, **inputs},
            self._baseline.locations,
            after=self._baseline.after,
            weight=self._runner.weight(start, stop, circuits),
        )
