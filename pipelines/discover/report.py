"""What a run found, in numbers with their uncertainty: the object that `circuits discover --json` prints."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from circuits.cached import cached_property
from circuits.data.prompts import PromptSet
from circuits.evaluation.budgets import BUDGETS, cmd, cpr, curve
from circuits.evaluation.faithfulness import Baseline, faithfulness
from circuits.evaluation.monotone import falls
from circuits.intervals import excludes_zero, t_interval
from circuits.methods import Method
from circuits.methods.stages import Findings
from graphs import CircuitGraph
from pipelines.discover.circuit_warnings import not_monotone, of_circuit
from pipelines.discover.listed_edges import named_edges, only_named_edges, strongest_left_out
from pipelines.discover.minimal_report import minimal_facts, of_minimal
from pipelines.discover.plan import DiscoverPlan
from pipelines.discover.run import DiscoverRun
from pipelines.discover.search_command import search_command
from pipelines.discover.settings import RANKINGS, DiscoverSettings
from pipelines.discover.strongest_heads import strongest_heads
from pipelines.engine.job import Job
from pipelines.engine.result_file import Result
from pipelines.engine.store import Store
from pipelines.reporting.report import Format, Report
from pipelines.reporting.tables import share_text
from pipelines.runs.asked_model import graph_bytes, model_asked
from pipelines.runs.caveats import accuracy_of, of_accuracy, of_prompts, of_scores, of_ties, of_words
from pipelines.runs.codec import baseline_from, join_prompts, prompts_from, scores_from
from pipelines.runs.method_settings import make_method
from pipelines.runs.prompt_sources import file_of_prompts
from pipelines.runs.run import read_circuit

_FEW_PROMPTS = 16


@dataclass(frozen=True, kw_only=True)
class Discovery(Report):
    """A discovered circuit.

    summary  accuracy, metric, circuit and faithfulness with their intervals, as plain values
    kept     arrays that the method keeps beside its scores (`Findings.kept`); none of a run that is read again
    """

    format = Format("circuit-workbench-discovery", 2)
    summary: Mapping[str, Any]
    kept: Mapping[str, Mapping[str, NDArray[Any]]] = field(default_factory=dict, repr=False, compare=False)

    def content(self) -> dict[str, Any]:
        return dict(self.summary)

    @cached_property
    def run(self) -> DiscoverRun:
        """The run in the report's folder."""
        return DiscoverRun(self.folder)


def report(plan: DiscoverPlan) -> Discovery:
    """The findings of a run whose jobs are all kept."""
    method = make_method(plan.config.method, plan.config.settings)

    def results_of(stage: str) -> list[Result]:
        return _read(plan.store, [job for job in plan.jobs.stages if job.stage.name == stage])

    findings = method.findings(results_of)
    summary = _summary(plan, method, findings)
    warnings = tuple(_pasted(summary["warnings"], plan.config))
    return Discovery(folder=plan.folder, warnings=warnings, summary=summary, kept=findings.kept)


def stored_report(run: DiscoverRun) -> Discovery:
    """The findings of a finished run, by what its folder holds."""
    warnings = tuple(_pasted(run.summary["warnings"], run.config))
    return Discovery(folder=run.folder, warnings=warnings, summary=run.summary)


def _pasted(warnings: Sequence[str], config: DiscoverSettings) -> Iterator[str]:
    """Warnings as they are said here: the command that one may name has its paths in full, where files that others
    read have names."""
    told, pasted = (search_command(config, is_told=is_told) for is_told in (True, False))
    for text in warnings:
        yield text if told is None or pasted is None else text.replace(told, pasted)


def _summary(plan: DiscoverPlan, method: Method, findings: Findings) -> dict[str, Any]:
    jobs, config, store = plan.jobs, plan.config, plan.store
    baseline = baseline_from(store.read(jobs.judged_baseline.key))
    chosen, on_choosing = store.read(jobs.choose.key), baseline_from(store.read(jobs.baseline.key))
    circuit = store.read(jobs.circuit.key)
    graph = read_circuit(graph_bytes(plan), str(store.path(jobs.graph.key)))
    values = join_prompts(_read(store, jobs.judge), "values")
    judged, fitted = faithfulness(values, baseline), faithfulness(circuit.arrays["values"], on_choosing)
    prompts = prompts_from(store.read(jobs.prompts.key))
    every = on_choosing.followed_by(baseline) if jobs.is_held_out else baseline
    summary: dict[str, Any] = {
        "run": plan.run_name,
        "task": config.called or jobs.graph.settings["task"],
        **file_of_prompts(config, jobs.prompts),
        "model": model_asked(config),
        "method": config.method,
        "ablation": graph.provenance.ablation if graph.provenance else config.ablation,
        "n_prompts": len(every.clean),
        "n_choosing": len(on_choosing.clean),
        "judged_on": "held-out" if jobs.is_held_out else "same",
        **accuracy_of(every, prompts),
        "metric": _metric(config.metric, baseline, values),
        "circuit": _circuit(graph) | _dropped(chosen),
        "strongest_heads": strongest_heads(graph),
        "faithfulness": judged.mean,
        "faithfulness_interval": None if judged.interval is None else judged.interval.as_json(),
        "faithfulness_on_choosing": fitted.mean,
        "faithfulness_on_choosing_interval": None if fitted.interval is None else fitted.interval.as_json(),
        "choice": {name: chosen.meta[name] for name in ("ranking", "choices", "would_do", "larger_sizes", "n_runs")},
    }
    if jobs.curve and judged.mean is not None:
        ranked_by = {"ranked_by": jobs.measure_edges[0].settings["method"]["name"]}
        summary["curve"] = ranked_by | _curve(_read(store, jobs.curve), baseline, of_edges=graph.of_edges)
    if jobs.minimize:
        summary["minimal"] = minimal_facts(circuit, graph, values, baseline)
    measured = scores_from(_read(store, jobs.measure_edges), prompts_from(store.read(jobs.choosing.key)))
    summary["strongest_left_out"] = strongest_left_out(measured, circuit.arrays["mask"])
    if method.measures_named_edges:
        summary["named_edges"] = {"rows": named_edges(measured), "scores_are": method.scores_are}
    summary |= {**findings.summary, **_of_method(findings)}
    searching = None if method.measures_named_edges else search_command(config, is_told=True)
    summary["warnings"] = _warnings(summary, every)
    if not only_named_edges(summary):
        summary["warnings"] += of_circuit(summary, tolerance=config.tolerance, searching=searching)
        summary["warnings"] += _of_curve(summary["curve"]) if "curve" in summary else []
        summary["warnings"] += of_minimal(summary["minimal"]) if jobs.minimize else _of_selection(chosen)
    summary["warnings"] += _of_scores(plan, prompts_from(store.read(jobs.choosing.key)), on_choosing, graph)
    summary["warnings"] += [*_unread_negatives(prompts, method), *of_prompts(config, prompts), *findings.warnings]
    if config.prompt_file is not None and config.is_drawn and jobs.is_held_out:
        summary["warnings"] += of_words(*(prompts_from(store.read(job.key)) for job in (jobs.choosing, jobs.judging)))
    summary["warnings"] += store.read(jobs.check.key).meta["caveats"]
    if method.is_shared_across_prompts:
        summary["warnings"].append(f"{config.method} gives one score for all prompts: its scores have no intervals.")
    if graph.edges and all(edge.score is None for edge in graph.edges):
        summary["warnings"].append(
            "edges cannot be measured on this model, only components: all edges between the chosen components are "
            "shown, and faithfulness is that of the components."
        )
    return summary


def _of_method(findings: Findings) -> dict[str, Any]:
    """What a method says in lines of its table; nothing of a method that says nothing."""
    if not findings.facts and findings.sampled is None:
        return {}
    facts = [[name, fact if isinstance(fact, str) else share_text(fact)] for name, fact in findings.facts]
    return {"of_method": {"facts": facts, "sampled": findings.sampled}}


def _of_scores(plan: DiscoverPlan, prompts: PromptSet, baseline: Baseline, graph: CircuitGraph) -> list[str]:
    """Warnings where nothing was found, or where the circuit is cut by ties; the latter follow from the former."""
    scores = [
        scores_from(_read(plan.store, jobs), prompts) for jobs in (plan.jobs.measure_nodes, plan.jobs.measure_edges)
    ]
    of_nothing = [
        warning
        for measured in scores
        if measured is not None
        for warning in of_scores(measured, baseline, position=plan.config.position)
    ]
    return of_nothing or of_ties(graph.tied_out)


def _of_selection(chosen: Result) -> list[str]:
    """What the rule says about the circuit; of its size, where one was asked for."""
    selected, choice = chosen.meta["selected"], chosen.meta["choices"]
    was_searched = any(entry["searches"] for entry in choice if entry["ranking"] == chosen.meta["ranking"])
    of_size = [] if was_searched or selected["size_note"] is None else [selected["size_note"]]
    return [*of_size, *selected["notes"]]


def _unread_negatives(prompts: PromptSet, method: Method) -> list[str]:
    n = 0 if method.reads_negatives else len(prompts.negatives)
    return [f"the {n} negatives of the file are read by head coding alone: not used here."] if n else []


def _read(store: Store, jobs: Sequence[Job]) -> list[Result]:
    return [store.read(job.key) for job in jobs]


def _metric(name: str, baseline: Baseline, circuit_values: Any) -> dict[str, Any]:
    entry: dict[str, Any] = {"name": name}
    for label, values in (("clean", baseline.clean), ("corrupt", baseline.ablated), ("circuit", circuit_values)):
        entry[label] = float(values.mean(dtype=np.float64))
        entry[f"{label}_interval"] = t_interval(values).item().as_json()
    return entry


def _circuit(graph: CircuitGraph) -> dict[str, Any]:
    return {
        "nodes": [node.name for node in graph.nodes],
        "n_nodes": len(graph.nodes),
        "n_heads": len(graph.heads),
        "n_edges": graph.n_edges,
        "of_edges": graph.of_edges,
        "scored_by": graph.scored_by,
        "threshold": graph.threshold,
        "selection": dict(graph.selection),
        "tied_out": dict(graph.tied_out),
        "empty_because": graph.reason,
    }


def _dropped(chosen: Result) -> dict[str, Any]:
    """How many edges were chosen, how many of them lay on no path, and which parts of the model went with those."""
    selected = chosen.meta["selected"]
    on_no_path = max(0, selected["n_chosen"] - int(np.count_nonzero(chosen.arrays["mask"])))
    return {"n_chosen": selected["n_chosen"], "on_no_path": on_no_path, "left_out": selected["left_out"]}


def _curve(results: Sequence[Result], baseline: Baseline, *, of_edges: int) -> dict[str, Any]:
    """The faithfulness of both rankings at MIB's budgets, and where it falls as circuits grow."""
    signed, absolute = join_prompts(results, "values")
    sizes = [int(budget * of_edges) for budget in BUDGETS]
    entry: dict[str, Any] = {
        "budgets": list(BUDGETS),
        "sizes": sizes,
        "faithfulness_signed": curve(signed, baseline).tolist(),
        "faithfulness_absolute": curve(absolute, baseline).tolist(),
        "cpr": cpr(signed, baseline),
        "cmd": cmd(absolute, baseline),
    }
    for ranking, values in (("signed", signed), ("absolute", absolute)):
        intervals = [faithfulness(of_circuit, baseline).interval for of_circuit in values]
        entry[f"intervals_{ranking}"] = [None if ends is None else ends.as_json() for ends in intervals]
        entry[f"falls_{ranking}"] = [fall.as_json() for fall in falls(sizes, values, baseline)]
    return entry


def _of_curve(curve: Mapping[str, Any]) -> list[str]:
    """Warnings where the curve at MIB's budgets is not monotone."""
    said = []
    for ranking, shown in RANKINGS.items():
        tried = dict(zip(curve["sizes"], curve[f"faithfulness_{ranking}"], strict=True))
        said.append(not_monotone(curve[f"falls_{ranking}"], tried, of="edges", where=f"at MIB's budgets {shown}"))
    return [text for text in said if text is not None]


def _warnings(summary: dict[str, Any], every: Baseline) -> list[str]:
    warnings, share = of_accuracy(summary), summary["faithfulness"]
    if (n_prompts := summary["n_prompts"]) < _FEW_PROMPTS:
        few = "prompts are" if n_prompts > 1 else "prompt is"
        warnings.append(f"{n_prompts} {few} few: the circuit may change with others. See the intervals.")
    if share is None:
        warnings.append("the metric does not differ between clean and corrupt prompts: there is nothing to explain.")
    elif not excludes_zero(every.clean - every.ablated):
        found = (
            "there is no interval of their difference"
            if n_prompts < 2
            else "the interval of their difference contains 0"
        )
        warnings.append(
            f"clean and corrupt prompts may not differ in the metric ({found}): shares of that difference, such as "
            "faithfulness, mean little, and have no interval."
        )
    if summary["circuit"]["empty_because"] and not only_named_edges(summary):
        warnings.append(f"the circuit is empty: {summary['circuit']['empty_because']}")
    return warnings
