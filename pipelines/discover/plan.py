"""From the settings of a discovery to the jobs that compute it, without running a model.

A job's key (`pipelines.engine.job`) depends only on what changes its result. So another `--edges` keeps every
measurement, and repeating a command computes nothing.

    prompts --> check ..> reference --> baseline, measure    (..> only orders: the check ends before models run)
    prompts, measure, baseline --> select --> evaluate --> graph
    measure, evaluate and curve are one job per slice of the prompts
    head coding measures in several stages (`pipelines.discover.head_codes`)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from circuits.lookup import lookup
from circuits.methods import METHODS
from circuits.methods.head_code_base import CodingMethod
from circuits.metrics import METRICS
from pipelines.discover.head_codes import CODE_SCORES, coding_jobs
from pipelines.discover.settings import DiscoverSettings
from pipelines.discover.stages import CURVE, EVALUATE, GRAPH, MEASURE, SELECT
from pipelines.engine.execution import Execution
from pipelines.engine.job import Job, keys_of
from pipelines.engine.store import Store
from pipelines.runs.first_jobs import FirstJobs, labels_of, task_name
from pipelines.runs.method_settings import checked_settings, make_method, without_places
from pipelines.runs.run_plan import RunPlan

# Scores the edges between the components that a component method has chosen; the second one for a metric whose
# gradient is zero at the clean run.
EDGE_METHOD, FLAT_EDGE_METHOD = "eap", "eap-ig"


class Jobs(NamedTuple):
    """All jobs of a run, by what they are for."""

    prompts: Job
    check: Job
    reference: tuple[Job, ...]
    baseline: Job
    coding: tuple[Job, ...]
    measure_edges: tuple[Job, ...]
    measure_nodes: tuple[Job, ...]
    select: Job
    evaluate: tuple[Job, ...]
    graph: Job
    curve: tuple[Job, ...]

    @property
    def scores(self) -> tuple[Job, ...]:
        """The jobs that hold the scores of the run's method; a component method's extra edge scores are left out."""
        return self.measure_nodes or self.measure_edges

    @property
    def measured(self) -> tuple[Job, ...]:
        """The jobs of the run's method: those that hold its scores, and those that lead to them."""
        return (*self.coding, *self.scores)

    @property
    def all(self) -> tuple[Job, ...]:
        """Every job once; a job comes after those it reads."""
        return tuple(job for entry in self for job in ([entry] if isinstance(entry, Job) else entry))


@dataclass(frozen=True)
class DiscoverPlan(RunPlan):
    """The jobs of a run, and the store that keeps them."""

    command = "discover"
    config: DiscoverSettings
    jobs: Jobs

    @property
    def run_name(self) -> str:
        return f"{task_name(self.config)}-{self.config.method}-{self.jobs.graph.key[:8]}"


def plan(settings: DiscoverSettings, execution: Execution) -> DiscoverPlan:
    """The jobs of a run.

    Raises a ValueError for an unknown task, model, method, metric or setting, before anything runs.
    """
    return DiscoverPlan(settings, all_jobs(settings), Store(execution.out))


def all_jobs(config: DiscoverSettings) -> Jobs:
    """All jobs of a run, done or not."""
    methods, selection = _methods(config), _selection(config)
    ground = FirstJobs(config, methods)
    coding: tuple[Job, ...] = ()
    of_graph: dict[str, tuple[str, ...]] = {}
    measured = []
    for method in methods:
        made = make_method(method["name"], method["settings"])
        if not isinstance(made, CodingMethod):
            measured.append(ground.sliced(MEASURE, {"method": method}, {}, 2, is_split=made.per_prompt))
            continue
        loaded = {name: ground.ran[name] for name in ("model", "dtype")}
        of_codes = coding_jobs(method, model=loaded, prompts=ground.prompts, check=ground.check, slices=ground.slices())
        coding = of_codes.all
        settings = ground.ran | {"method": without_places(method)}
        of_graph = {"codes": keys_of(of_codes.codes)}
        measured.append((Job(CODE_SCORES, settings, ground.of_prompts | of_graph, ground.locations),))
    edges, nodes = measured[-1], measured[0] if len(measured) == 2 else ()
    of_scores = ground.of_prompts | {"edges": keys_of(edges), "nodes": keys_of(nodes)}
    of_scores |= {"baseline": (ground.baseline.key,)}
    select = Job(SELECT, selection, of_scores)
    evaluate = ground.sliced(EVALUATE, {}, {"select": (select.key,)}, 4)
    curve = ground.sliced(CURVE, {}, {"edges": keys_of(edges)}, 8) if config.curve else ()
    graph = Job(
        GRAPH,
        labels_of(config) | {"tolerance": config.tolerance, "kind": selection["kind"]},
        of_scores | {"select": (select.key,), "evaluate": keys_of(evaluate)} | of_graph,
    )
    return Jobs(
        ground.prompts,
        ground.check,
        ground.reference,
        ground.baseline,
        coding,
        edges,
        nodes,
        select,
        evaluate,
        graph,
        curve,
    )


def _methods(config: DiscoverSettings) -> list[dict[str, Any]]:
    """The methods to run with all their settings, checked; the last one scores edges."""
    method = lookup(METHODS, config.method, "method")
    lookup(METRICS, config.metric, "metric")
    methods = [{"name": config.method, "settings": checked_settings(config.method, config.settings)}]
    if method.result == "components":
        of_edges = FLAT_EDGE_METHOD if METRICS[config.metric].has_zero_gradient_at_clean else EDGE_METHOD
        methods.append({"name": of_edges, "settings": checked_settings(of_edges, {})})
    return methods


def _selection(config: DiscoverSettings) -> dict[str, Any]:
    """What decides the circuit, checked: which options go together depends on the kind of method."""
    method = make_method(config.method, config.settings)
    kind = method.result
    given = {name for name in ("edges", "threshold", "nodes", "greedy") if getattr(config, name) not in (None, False)}
    if kind == "edges" and "nodes" in given:
        if not method.sums_to_nodes:
            raise ValueError(
                f"{config.method} scores edges, and its edges do not add up to components: choose with edges or "
                "threshold; nodes is for component methods and for estimates from gradients."
            )
        kind = "components"
    if method.result == "components":
        method.check_selection(config.position)
    if method.result == "edges" and config.position is not None:
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
    chosen = {name: getattr(config, name) for name in ("edges", "threshold", "nodes", "position", "greedy", "signed")}
    if not given & {"edges", "threshold", "nodes"}:
        chosen |= method.default_selection
        if not method.in_metric_units and kind == "components":
            chosen |= {"tries": "components"}
    if not method.scores_paths:
        chosen |= {"keeps_unscored": True}
    return chosen | {"kind": kind}
