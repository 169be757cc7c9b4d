"""What the judge reports for a run, as plain values: from the stored results of its jobs, without running a model.

A number that was not measured is None, and `reasons` says why under the same name.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from circuits.arrays import Bools, Floats
from circuits.components import Wiring
from circuits.evaluation.budgets import BUDGETS, budget_circuits, curve
from circuits.evaluation.criteria import (
    EffectEstimate,
    against_random,
    cmd_estimate,
    component_uses,
    cpr_estimate,
    distance,
    mean_incompleteness,
    smallest_use,
    worst_incompleteness,
)
from circuits.evaluation.faithfulness import Baseline, faithfulness
from circuits.evaluation.known_circuit import KnownCircuit
from circuits.evaluation.ranking import edge_auroc, match_heads, node_auroc, trial_aurocs
from circuits.intervals import Estimate, excludes_zero
from circuits.masks import pruned
from circuits.methods import METHODS
from graphs.selection import means_at
from pipelines.discover.cost import cost_of
from pipelines.discover.run import DiscoverRun
from pipelines.engine.job import Job
from pipelines.engine.result_file import Result
from pipelines.engine.store import Store
from pipelines.evaluate.hypotheses import hypothesis_rows
from pipelines.evaluate.plan import EvaluatePlan, JudgeJobs, has_no_edges
from pipelines.evaluate.stages import knockout_values_from, knockouts_from
from pipelines.reporting.report import Format, Report
from pipelines.runs.caveats import of_choices
from pipelines.runs.codec import baseline_from, join_prompts
from pipelines.runs.run import names_of


@dataclass(frozen=True, kw_only=True)
class Evaluation(Report):
    """Judged runs.

    rows    one per run, as plain values
    truth   name of the known circuit that rankings were compared with

    >>> from pipelines import discover, evaluate
    >>> report = evaluate(discover("ioi", prompts=8, edges=40), random=2, knockouts=2, resamples=10)
    >>> report.rows[0]["run"].split("-eap")[0], report.truth, sorted(report.content())[:2]
    ('ioi', None, ['runs', 'truth'])
    """

    format = Format("circuit-workbench-evaluation", 1)
    rows: tuple[dict[str, Any], ...]
    truth: str | None

    def content(self) -> dict[str, Any]:
        return {"truth": self.truth, "runs": list(self.rows), "warnings": list(self.warnings)}


def report(plan: EvaluatePlan) -> Evaluation:
    """A row for every run."""
    names = names_of([case.run for case in plan.cases])
    rows = tuple(
        evaluation_row(case.run, case.jobs, case.store, plan.known) | {"run": name}
        for case, name in zip(plan.cases, names, strict=True)
    )
    warnings = tuple(of_choices(case.run for case in plan.cases))
    truth = None if plan.known is None else plan.known.name
    return Evaluation(folder=plan.folder, warnings=warnings, rows=rows, truth=truth)


Row = dict[str, Any]
NO_GAP = "the metric does not differ between clean and corrupt prompts"
MAY_BE_NO_GAP = "shares of clean - corrupt have none, as its own interval includes 0"
EMPTY = "the circuit is empty"


def evaluation_row(run: DiscoverRun, jobs: JudgeJobs, store: Store, known: KnownCircuit | None) -> Row:
    """One run's row: every number with its interval, and the reason for each that is missing.

    95 % intervals over prompts, None where unbounded: t of faithfulness, distance, CPR and the random circuits'
    faithfulness; bootstrap of CMD, completeness, minimality and the random circuits' distance.
    """
    baseline = baseline_from(store.read(jobs.run.judged_baseline.key))
    values = join_prompts(_read(store, jobs.run.judge), "values")
    reasons: dict[str, str] = {}
    row = _facts(run, baseline)
    row |= _faithfulness(values, baseline, reasons)
    row |= _curve(run, jobs, store, baseline, reasons)
    row |= _knockouts(run, jobs, store, baseline, reasons)
    row |= _random(run, jobs, store, values, baseline, reasons)
    row |= {"random_curve": _random_curve(jobs, store, baseline)}
    row |= {"hypotheses": hypothesis_rows(jobs, store, run.circuit.wiring)}
    row |= {"stability": _stability(run, jobs, store, reasons)}
    row |= {"auroc": _auroc(run, known, reasons)}
    row |= cost_of(jobs.run.measured, jobs.run.baseline, store, reasons)
    return row | {"reasons": reasons}


def _facts(run: DiscoverRun, baseline: Baseline) -> Row:
    graph, summary = run.circuit, run.summary
    return {
        "run": run.name,
        # Runs of one file are of one task, whatever they are called.
        "task": summary["task"] if graph.provenance is None else graph.provenance.task,
        "model": summary["model"],
        "method": summary["method"],
        "metric": run.config.metric,
        "ablation": run.config.ablation,
        "judged_on": summary.get("judged_on", "same"),
        "n_prompts": len(baseline.clean),
        "solved": summary.get("solved"),
        "clean": float(baseline.clean.mean()),
        "corrupt": float(baseline.ablated.mean()),
        "n_edges": graph.n_edges,
        "of_edges": graph.of_edges,
        "n_components": sum(node.component.is_node for node in graph.nodes),
        "circuit_of": "components" if has_no_edges(run) else "edges",
    }


def _faithfulness(values: Floats, baseline: Baseline, reasons: dict[str, str]) -> Row:
    estimate = faithfulness(values, baseline)
    if estimate.mean is None:
        reasons["faithfulness"] = NO_GAP
    elif not excludes_zero(baseline.clean - baseline.ablated):
        reasons["intervals"] = MAY_BE_NO_GAP
    interval = None if estimate.interval is None else estimate.interval.as_json()
    return {
        "faithfulness": estimate.mean,
        "faithfulness_interval": interval,
        "distance": _effect_estimate(distance(values, baseline)),
    }


def _curve(run: DiscoverRun, jobs: JudgeJobs, store: Store, baseline: Baseline, reasons: dict[str, str]) -> Row:
    """CPR and CMD: over edges for edge methods, over heads and MLPs for component methods."""
    empty: Row = {"cpr": None, "cmd": None, "curve": None}
    if not baseline.has_gap:
        reasons["cpr"] = reasons["cmd"] = NO_GAP
        return empty
    if not (jobs.node_curve or jobs.run.curve):
        reasons["cpr"] = reasons["cmd"] = f"{run.config.method} scores only edges between heads: they form no paths"
        return empty
    results = _read(store, jobs.node_curve or jobs.run.curve)
    signed, absolute = join_prompts(results, "values")
    if jobs.node_curve:
        sizes = results[0].meta["sizes"]
    else:
        circuits = np.stack([budget_circuits(run.scores, absolute=is_absolute) for is_absolute in (False, True)])
        sizes = pruned(run.scores.wiring, circuits).sum(axis=-1).tolist()
    return {
        "cpr": _estimate(cpr_estimate(signed, baseline)),
        "cmd": _estimate(cmd_estimate(absolute, baseline)),
        "curve": {
            "over": "components" if jobs.node_curve else "edges",
            "budgets": list(BUDGETS),
            "faithfulness_signed": curve(signed, baseline).tolist(),
            "faithfulness_absolute": curve(absolute, baseline).tolist(),
            "weighted_edges_signed": sizes[0],
            "weighted_edges_absolute": sizes[1],
        },
    }


def _knockouts(run: DiscoverRun, jobs: JudgeJobs, store: Store, baseline: Baseline, reasons: dict[str, str]) -> Row:
    if jobs.search is None:
        is_asked = not any(node.component.is_node for node in run.circuit.nodes)
        why = "no head and no MLP is in the circuit" if is_asked else "no knock-outs were asked for"
        reasons["completeness"] = reasons["minimality"] = why
        return {"completeness": None, "minimality": None, "left_out": None}
    sets = knockouts_from(store.read(jobs.search.key))
    values = knockout_values_from(_read(store, jobs.knockouts))
    worst, knocked = worst_incompleteness(values, sets, baseline)
    wiring = run.circuit.wiring
    names = [str(wiring.writers[number]) for number in sets.measured]
    left_out = np.setdiff1d(sets.components, sets.measured)
    uses = component_uses(values, baseline)
    least = min(range(len(uses)), key=lambda number: uses[number].in_metric.value)
    components = {
        name: _effect_estimate(use) | {"knocked_out": _names(wiring, telling)}
        for name, use, telling in zip(names, uses, sets.telling, strict=True)
    }
    return {
        "completeness": {
            "sampled": _effect_estimate(mean_incompleteness(values, sets, baseline)) | {"n_sets": len(sets.sampled)},
            "greedy": _effect_estimate(worst) | {"knocked_out": _names(wiring, knocked)},
        },
        "minimality": {
            "smallest": _effect_estimate(smallest_use(values, baseline)) | {"component": names[least]},
            "components": components,
            "left_out": [str(wiring.writers[number]) for number in left_out],
        },
        "left_out": _left_out(jobs.search, len(sets.measured), len(sets.components)),
    }


def _left_out(search: Job, n_measured: int, n_components: int) -> str | None:
    """What the search for knock-outs did not do; None where it did all."""
    if search.settings["search"]["grows"]:
        return None
    if n_measured == n_components:
        return (
            "minimality is of each component with no other and with one random set knocked out; sets grown for each, "
            "which can only show more use of one, take --thorough"
        )
    return (
        f"minimality is of the {n_measured} of {n_components} components that do least to first order, each with no "
        "other and with one random set knocked out; the others' use, and sets grown for each component, which can "
        "only show more use of one, take --thorough"
    )


def _random(
    run: DiscoverRun, jobs: JudgeJobs, store: Store, values: Floats, baseline: Baseline, reasons: dict[str, str]
) -> Row:
    if not jobs.random:
        reasons["random"] = "no random circuits were asked for" if run.circuit.edges else EMPTY
        return {"random": None}
    results = _read(store, jobs.random)
    comparison = against_random(join_prompts(results, "values"), values, baseline)
    if comparison.kept is None:
        reasons["random"] = f"no share of a gap: {NO_GAP}"
    meta = results[0].meta
    return {
        "random": {
            "n": len(meta["sizes"]),
            "faithfulness": _estimate(comparison.kept),
            "distance": _effect_estimate(comparison.distance),
            "p_value": comparison.p_value,
            "size": meta["size"],
            "sizes": [min(meta["sizes"]), max(meta["sizes"])],
        }
    }


def _random_curve(jobs: JudgeJobs, store: Store, baseline: Baseline) -> Row | None:
    """Mean, least and largest faithfulness of random circuits at each size; None where it was not asked for."""
    if not (jobs.random_curve and baseline.has_gap):
        return None
    results = _read(store, jobs.random_curve)
    values = join_prompts(results, "values")
    kept = (values - baseline.ablated).mean(axis=-1) / baseline.gap
    ends = {"mean": kept.mean(axis=1), "least": kept.min(axis=1), "most": kept.max(axis=1)}
    return {
        "n": values.shape[1],
        "sizes": results[0].meta["sizes"],
        **{name: end.tolist() for name, end in ends.items()},
    }


def _stability(run: DiscoverRun, jobs: JudgeJobs, store: Store, reasons: dict[str, str]) -> float | None:
    if jobs.stability is None:
        reasons["stability"] = "no resamples were asked for" if run.circuit.edges else EMPTY
        return None
    jaccard = store.read(jobs.stability.key).meta["jaccard"]
    if jaccard is None:
        reasons["stability"] = "all prompts have the same scores, as with a learned mask: resampling changes nothing"
    return jaccard


def _auroc(run: DiscoverRun, known: KnownCircuit | None, reasons: dict[str, str]) -> Row:
    if known is None:
        reasons["auroc"] = "no known circuit was given"
        return {"edges": None, "nodes": None, "heads": None, "match": None}
    if known.edges is None:
        reasons["auroc_edges"] = f"the known circuit {known.name!r} lists components only"
    elif METHODS[run.config.method].result == "components":
        reasons["auroc_edges"] = "the method scores components"

    def ranked(name: str, find: Callable[[], Row]) -> Row | None:
        if f"auroc_{name}" in reasons:
            return None
        try:
            return find()
        except ValueError as error:
            # Nothing to rank among what this method measured; a circuit of another model was refused before.
            reasons[f"auroc_{name}"] = str(error)
            return None

    scores = run.scores if run.node_scores is None else run.node_scores
    position = None if run.node_scores is None else means_at(run.node_scores, run.config.position).position
    circuit = [node.component for node in run.circuit.nodes]

    def of_nodes(*kinds: str) -> Row:
        trials = trial_aurocs(scores, known, position=position, kinds=kinds)
        auroc = node_auroc(scores, known, position=position, kinds=kinds)._asdict()
        return auroc | {"trials": None if trials is None else trials._asdict()}

    return {
        "edges": ranked("edges", lambda: edge_auroc(run.scores, known)._asdict()),
        "nodes": ranked("nodes", lambda: of_nodes("head", "mlp")),
        "heads": ranked("heads", lambda: of_nodes("head")),
        "match": match_heads(circuit, scores, known, position=position)._asdict(),
    }


def _read(store: Store, jobs: tuple[Job, ...]) -> tuple[Result, ...]:
    return tuple(store.read(job.key) for job in jobs)


def _estimate(estimate: Estimate | None) -> Row | None:
    return None if estimate is None else {"value": estimate.value, "interval": estimate.interval.as_json()}


def _effect_estimate(effect: EffectEstimate) -> Row:
    """In the metric's units, and as a share of the gap between clean and corrupt."""
    share = effect.of_gap
    return {
        "value": effect.in_metric.value,
        "interval": effect.in_metric.interval.as_json(),
        "share": None if share is None else share.value,
        "share_interval": None if share is None else share.interval.as_json(),
    }


def _names(wiring: Wiring, writers: Bools) -> list[str]:
    return [str(wiring.writers[number]) for number in np.flatnonzero(writers)]
