"""From the settings of a discovery to the jobs that compute it, without running a model.

A job's key (`pipelines.engine.job`) depends only on what changes its result. So another `--edges` keeps every
measurement, and repeating a command computes nothing.

    prompts --> part (twice: half of them choose the circuit, half judge it; or all of them do both)
    answered --> prompts, of a file whose solved prompts are kept
    part --> baseline, measure --> choose                    after `check`, which ends before models run
    baseline, measure, choose --> minimize, if asked for: a smaller circuit (`pipelines.discover.minimize`)
    other part, choose or minimize --> judged_baseline, judge --> graph
    measure --> budgets --> curve, if asked for: circuits of all sizes
    measure, judge and curve are one job per slice of the prompts; `reference` (means of an ablation) is of all
    a method of several stages has jobs for each before those of its scores (`pipelines.discover.method_stages`)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from circuits.lookup import lookup
from circuits.methods import METHODS
from circuits.methods.base import GradientMethod
from circuits.metrics import METRICS
from circuits.model.lengths import RECORDING
from circuits.numbers import count_text
from graphs.selection import SELECTIONS
from pipelines.discover.choose import CHOOSE
from pipelines.discover.expected import CHOSEN, OF_BUDGETS, circuits_tried, expected_to_choose
from pipelines.discover.method_stages import stage_jobs
from pipelines.discover.minimize_jobs import announcement, minimize_jobs, weights_of_search
from pipelines.discover.rules import checked_rule, options_of, other_methods, rule_of_options
from pipelines.discover.settings import DiscoverSettings
from pipelines.discover.stages import BUDGET_CIRCUITS, CURVE, GRAPH, JUDGE, measure, score_results
from pipelines.engine.execution import Execution
from pipelines.engine.job import Job, keys_of
from pipelines.engine.stage import Stage
from pipelines.engine.store import Store
from pipelines.runs.circuit_runs import Runner
from pipelines.runs.first_jobs import FirstJobs, labels_of, subject_name
from pipelines.runs.method_settings import checked_settings, make_method, with_fingerprints
from pipelines.runs.run_plan import RunPlan
from pipelines.runs.solved_file import with_numbers_solved

# Scores the edges between the components that a component method has chosen.
EDGE_METHOD = "eap-ig"
# Methods without gradients take anything from two passes to thousands: their jobs are paced apart.
_MEASURE = 10.0


class Jobs(NamedTuple):
    """All jobs of a run, by what they are for.

    answered  of a prompt file whose solved prompts are kept: what says which these are
    prompts   all of them; `choosing` and `judging` have those that choose the circuit and that judge it
    baseline  of the choosing prompts; `judged_baseline` of those that judge
    stages    those of the stages that lead to the method's scores
    measure_others  those of the other methods of an ensemble
    minimize  the rounds of the search for the smallest circuit, and last its result; none where it was not asked for
    budgets   what has the circuits of the curve, if one is asked for
    """

    answered: tuple[Job, ...]
    prompts: Job
    check: Job
    choosing: Job
    judging: Job
    reference: tuple[Job, ...]
    baseline: Job
    judged_baseline: Job
    stages: tuple[Job, ...]
    measure_edges: tuple[Job, ...]
    measure_nodes: tuple[Job, ...]
    measure_others: tuple[Job, ...]
    choose: Job
    minimize: tuple[Job, ...]
    judge: tuple[Job, ...]
    graph: Job
    budgets: tuple[Job, ...]
    curve: tuple[Job, ...]

    @property
    def is_held_out(self) -> bool:
        """Whether other prompts judge the circuit than chose it."""
        return self.judging.key != self.choosing.key

    @property
    def circuit(self) -> Job:
        """The job that holds the circuit: the one that was chosen, or the smallest one within it."""
        return self.minimize[-1] if self.minimize else self.choose

    @property
    def scores(self) -> tuple[Job, ...]:
        """The jobs that hold the scores of the run's method; a component method's extra edge scores are left out."""
        return self.measure_nodes or self.measure_edges

    @property
    def measured(self) -> tuple[Job, ...]:
        """The jobs that hold the scores of the run's method, and of an ensemble's others, and those that lead there."""
        return (*self.stages, *self.scores, *self.measure_others)

    @property
    def all(self) -> tuple[Job, ...]:
        """Every job once; a job comes after those it reads."""
        every = (job for entry in self for job in ([entry] if isinstance(entry, Job) else entry))
        return tuple({job.key: job for job in every}.values())


@dataclass(frozen=True)
class DiscoverPlan(RunPlan):
    """The jobs of a run, and the store that keeps them."""

    command = "discover"
    config: DiscoverSettings
    jobs: Jobs

    @property
    def own_name(self) -> str:
        return f"{subject_name(self.config)}-{self.config.method}-{self.jobs.graph.key[:8]}"

    @property
    def outlook(self) -> str:
        if self.store.has(self.jobs.choose.key):
            return ""
        shape = Runner.of_files(self.jobs.baseline.locations["model"]).shape
        tried = circuits_tried(selection_of(self.config), shape)
        if tried.searched:
            return f"about {tried.searched} circuits are run to choose one"
        run = "1 circuit is run" if tried.given == 1 else f"up to {tried.given} circuits are run to choose one"
        if not tried.beyond or (n := self.config.edges) is None:
            return run
        edges = f"{count_text(n, 'edge')} {'is' if n == 1 else 'are'}"
        return f"{run}, and about {tried.beyond} more where {edges} too few"

    def passes_after(self, done: Job) -> Mapping[str, float]:
        """Of what runs circuits, once the prompts are there that these are run on: their lengths decide, and how late
        clean and corrupt differ."""
        jobs, found = self.jobs, dict[str, float]()
        if done.key not in (jobs.choosing.key, jobs.judging.key):
            return found
        runner = Runner.of(done, jobs.baseline.locations["model"], self.store)
        if done.key == jobs.choosing.key:
            found[jobs.baseline.key] = runner.weight(0, runner.n_prompts, ())
            found[jobs.choose.key] = _weight_of_choice(runner, selection_of(self.config), runner.n_prompts)
        if done.key == jobs.judging.key:
            found[jobs.judged_baseline.key] = runner.weight(0, runner.n_prompts, ())
            for of_slices, circuits in ((jobs.judge, CHOSEN), (jobs.curve, OF_BUDGETS)):
                for job in of_slices:
                    first, stop = job.settings["slice"]
                    found[job.key] = runner.weight(first, stop, circuits)
        return found

    def weights_after(self, done: Job) -> Mapping[str, float]:
        """The rounds of a search for the smallest circuit weigh as many runs as they have, or are expected to have."""
        if passes := self.passes_after(done):
            return passes
        if done.key not in {self.jobs.choose.key, *keys_of(self.jobs.minimize[:-1])} or not self.jobs.minimize:
            return {}
        rounds = [self.store.read(job.key) for job in self.jobs.minimize[:-1] if self.store.has(job.key)]
        return weights_of_search(self.jobs.minimize, rounds, self.store.read(self.jobs.choose.key))

    def announcement(self, done: Job) -> str | None:
        if done.key != self.jobs.choose.key:
            return super().announcement(done)
        rounds = [job for job in self.jobs.minimize[:-1] if not self.store.has(job.key)]
        if not rounds:
            return None
        return announcement(rounds, self.store.read(done.key), self.store.cost(self.jobs.baseline.key))


def plan(settings: DiscoverSettings, execution: Execution) -> DiscoverPlan:
    """The jobs of a run.

    Raises a ValueError for an unknown task, model, method, metric or setting, before anything runs.
    """
    store = Store(execution.out)
    (settled,) = with_numbers_solved([settings], store, all_jobs)
    found = DiscoverPlan(settled, all_jobs(settled), store)
    found.require_own_folder()
    return found


def all_jobs(config: DiscoverSettings) -> Jobs:
    """All jobs of a run, done or not."""
    methods, selection = _methods(config), selection_of(config)
    others = [
        {"name": name, "settings": checked_settings(name, {})}
        for name in other_methods(selection["rule"], config.method)
    ]
    whole = FirstJobs(config, [*methods, *others], needs_edges=config.minimal)
    ground = judging = whole
    if config.splits(whole.n_prompts):
        half = (whole.n_prompts + 1) // 2
        ground, judging = whole.part(0, half), whole.part(half, whole.n_prompts)
    stages: tuple[Job, ...] = ()
    of_graph: dict[str, tuple[str, ...]] = {}
    measured = []
    for method in methods:
        made, named = make_method(method["name"], method["settings"]), {"method": with_fingerprints(method)}
        of_stages = stage_jobs(made, ground)
        if not of_stages:
            measured.append(_measured(ground, method))
            continue
        stages, last = tuple(job for jobs in of_stages.values() for job in jobs), next(reversed(of_stages))
        of_graph = {last: keys_of(of_stages[last])}
        stage = Stage(*made.scored_in, score_results)
        measured.append((Job(stage, ground.ran | named, ground.of_prompts | of_graph, ground.locations),))
    edges, nodes = measured[-1], measured[0] if len(measured) == 2 else ()
    of_scores = ground.of_prompts | {"edges": keys_of(edges), "nodes": keys_of(nodes)}
    of_scores |= {"baseline": (ground.baseline.key,)}
    measured_others = [_measured(ground, method) for method in others]
    of_others = {f"others_{number}": keys_of(jobs) for number, jobs in enumerate(measured_others)}
    runner = Runner.of_files(ground.locations["model"])
    weight = _weight_of_choice(runner, selection, ground.n_prompts)
    choose = Job(CHOOSE, ground.ran | selection, of_scores | of_others, ground.locations, ground.after, weight)
    of_choice = of_scores | {"choose": (choose.key,)}
    minimize = minimize_jobs(config, ground, selection, of_choice) if config.minimal else ()
    circuit = {"choose": keys_of(minimize[-1:] or (choose,))}
    judge = judging.sliced(JUDGE, {}, circuit, runner.weight(0, 1, CHOSEN))
    of_curve = {"edges": keys_of(edges), "chosen_on": (ground.prompts.key,)}
    budgets = (Job(BUDGET_CIRCUITS, {}, of_curve),) if config.curve else ()
    curve = (
        judging.sliced(CURVE, {}, {"budgets": keys_of(budgets)}, runner.weight(0, 1, OF_BUDGETS))
        if config.curve
        else ()
    )
    graph = Job(
        GRAPH,
        labels_of(config) | {name: selection[name] for name in ("tolerance", "kind")},
        of_scores | circuit | {"judge": keys_of(judge), "judged_baseline": (judging.baseline.key,)} | of_graph,
    )
    return Jobs(
        whole.answered,
        whole.prompts,
        whole.check,
        ground.prompts,
        judging.prompts,
        whole.reference,
        ground.baseline,
        judging.baseline,
        stages,
        edges,
        nodes,
        tuple(job for jobs in measured_others for job in jobs),
        choose,
        minimize,
        judge,
        graph,
        budgets,
        curve,
    )


def _weight_of_choice(runner: Runner, selection: Mapping[str, Any], n_prompts: int) -> float:
    """Forward passes of one prompt that it takes to choose a circuit."""
    return runner.weight_of_each(0, n_prompts, expected_to_choose(selection, runner.shape))


def _measured(ground: FirstJobs, method: Mapping[str, Any]) -> tuple[Job, ...]:
    """The jobs of a method that measures at once, one per slice of the prompts where these may be split."""
    made = make_method(method["name"], method["settings"])
    stage = Stage(*made.scored_in, measure)
    is_known = isinstance(made, GradientMethod)
    cost = RECORDING + 2.0 * made.n_points if is_known else _MEASURE
    jobs = ground.sliced(stage, {"method": with_fingerprints(method)}, {}, cost, is_split=made.per_prompt)
    return tuple(replace(job, is_apart=not is_known) for job in jobs)


def _methods(config: DiscoverSettings) -> list[dict[str, Any]]:
    """The methods to run with all their settings, checked; the last one scores edges."""
    method = lookup(METHODS, config.method, "method")
    lookup(METRICS, config.metric, "metric")
    methods = [{"name": config.method, "settings": checked_settings(config.method, config.settings)}]
    if method.result == "components":
        methods.append({"name": EDGE_METHOD, "settings": checked_settings(EDGE_METHOD, {})})
    return methods


def selection_of(config: DiscoverSettings) -> dict[str, Any]:
    """What decides the circuit, checked: which options go together depends on the kind of method."""
    method = make_method(config.method, config.settings)
    options, name, kind = options_of(config, config.selection), config.selection, method.result
    # By identity: a threshold of 0 equals False.
    given = {
        option
        for option in ("edges", "threshold", "nodes", "greedy")
        if options[option] is not None and options[option] is not False
    }
    default = dict(method.default_selection)
    # Of components, `edges` says how many there are among those that are chosen, and a position which scores choose.
    asked = given - {"edges"} if kind == "components" else given
    has_default = options["position"] in (None, default.get("position"))
    if name is None and has_default and not asked & {"edges", "threshold", "nodes"}:
        name = default.pop("selection", None)
        if default.pop("signed", False) and options["ranking"] is None:
            options["ranking"] = "signed"
        options |= {
            option: value for option, value in default.items() if option != "ranking" or options[option] is None
        }
    if kind == "edges" and ("nodes" in given or (name is not None and SELECTIONS[name].chooses == "components")):
        if not method.sums_to_nodes:
            raise ValueError(
                f"{config.method} scores edges, and its edges do not add up to components: choose with edges or "
                "threshold; nodes is for component methods and for estimates from gradients."
            )
        kind = "components"
    if kind == "components" and name is not None and SELECTIONS[name].chooses == "edges":
        raise ValueError(
            f"{config.method} scores components, and selection {name} chooses edges: use "
            f"{' or '.join(rule for rule, entry in SELECTIONS.items() if entry.chooses == 'components')}."
        )
    if method.result == "components":
        method.check_selection(options["position"])
    if method.result == "edges" and options["position"] is not None:
        raise ValueError(f"{config.method} scores edges, over all positions: position is for component methods.")
    if kind == "components" and "greedy" in given:
        raise ValueError(f"{config.method} scores components, and greedy grows edges: leave out greedy.")
    clashing = {"edges": ({"edges", "threshold"}, {"greedy", "threshold"}), "components": ({"nodes", "threshold"},)}
    for pair in clashing[kind]:
        if pair <= given:
            raise ValueError(f"{' and '.join(sorted(pair))} are two ways to select a circuit: give one of them.")
    if not method.scores_paths and (config.greedy or config.curve):
        raise ValueError(
            f"{config.method} scores only edges between heads, so nothing grows from the logits and its best "
            f"edges form no path: leave out {'greedy' if config.greedy else 'curve'}."
        )
    rule = checked_rule(name or rule_of_options(kind, options, method), config, options, method)
    del options["greedy"]
    return options | {"tolerance": config.tolerance, "kind": kind, "rule": rule}
