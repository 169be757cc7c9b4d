"""What a causal trace found, as plain values: summary and rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from circuits.cached import cached_property
from circuits.intervals import t_interval
from circuits.numbers import count_text
from circuits.recovery import Recovery, Trace
from circuits.scores import ComponentScores
from pipelines.reporting.report import Format, Report
from pipelines.reporting.tables import Row
from pipelines.runs.asked_model import model_asked
from pipelines.runs.caveats import accuracy_of, of_accuracy, of_noise, of_prompts, of_scores
from pipelines.runs.codec import baseline_from, prompts_from
from pipelines.runs.prompt_sources import file_of_prompts
from pipelines.runs.run import read_circuit
from pipelines.trace.plan import TracePlan
from pipelines.trace.run import TraceRun
from pipelines.trace.stages import trace_from

_FEW_PROMPTS = 16
MOST_CURVES = 24
_LISTED = 10


@dataclass(frozen=True, kw_only=True)
class Traced(Report):
    """A causal trace as plain values.

    trace    the scores; `ratio` their recovery rates
    summary  the numbers of the whole trace, ready for JSON
    rows     one per component and position: its recovery rate in both averages, with 95 % t intervals; both ends are
             None where an interval is unbounded
    """

    format = Format("circuit-workbench-trace", 1)
    trace: Trace
    ratio: Recovery
    summary: Mapping[str, Any]
    rows: tuple[Row, ...]

    def content(self) -> dict[str, Any]:
        origin = self.trace.scores.provenance
        provenance = {**vars(origin), "versions": dict(origin.versions), "settings": dict(origin.settings)}
        return {**self.summary, "provenance": provenance, "rows": list(self.rows)}

    @cached_property
    def run(self) -> TraceRun:
        """The run in the report's folder."""
        return TraceRun(self.folder)


def report(plan: TracePlan) -> Traced:
    """The report of a trace whose jobs are all kept."""
    jobs, config, store = plan.jobs, plan.config, plan.store
    prompts = prompts_from(store.read(jobs.prompts.key))
    labels = {key: jobs.graph.settings[key] for key in ("task", "seed")} | {"model": model_asked(config)}
    trace = trace_from([store.read(job.key) for job in jobs.trace], prompts, **labels)
    baseline, origin = baseline_from(store.read(jobs.baseline.key)), trace.scores.provenance
    below = trace.below(config.min_gap)
    graph = read_circuit(store.read(jobs.graph.key).meta["graph"].encode(), str(store.path(jobs.graph.key)))
    summary: dict[str, Any] = {
        "run": plan.run_name,
        "task": config.called or labels["task"],
        **file_of_prompts(config, jobs.prompts),
        "model": origin.model,
        "method": config.method,
        "settings": dict(origin.settings),
        "ablation": origin.ablation,
        "n_prompts": len(prompts),
        **accuracy_of(baseline, prompts),
        "metric": {"name": config.metric, **_with_interval("clean", trace.clean)}
        | {**_with_interval("corrupt", trace.corrupt), **_with_interval("gap", trace.gaps)},
        "floor": config.min_gap,
        "n_below_floor": len(below),
        "below_floor": below,
        "place": config.position or trace.scores.positions[-1],
        "share": config.min_recovery,
        "layers": [str(node.component) for node in graph.nodes if node.component.layer is not None],
    }
    summary["warnings"] = [
        *of_accuracy(summary),
        *_warnings(summary),
        *_of_window(origin.settings.get("window"), trace.scores.wiring.n_layers),
        *of_scores(trace.scores, baseline, position=config.position),
        *of_prompts(config, prompts),
        *of_noise(config, prompts),
    ]
    if n_absent := jobs.prompts.settings.get("n_absent"):
        summary["warnings"].append(f"{n_absent} questions about absent objects are left out: nothing to trace.")
    if len(trace.scores.positions) > MOST_CURVES:
        summary["warnings"].append(
            f"no curves over depth are drawn for {len(trace.scores.positions)} positions; "
            "the heat map and tables have all of them."
        )
    return _traced(plan.folder, trace, summary, config.min_gap)


def stored_report(run: TraceRun) -> Traced:
    """The report of a finished trace, by what its folder holds."""
    return _traced(run.folder, run.trace, run.summary, run.config.min_gap)


def _traced(folder: Path, trace: Trace, summary: Mapping[str, Any], min_gap: float) -> Traced:
    ratio, mean = trace.ratio_of_means(), trace.mean_of_ratios(min_gap)
    rows = tuple(_rows(trace.scores, ratio, mean))
    warnings = tuple(summary["warnings"])
    return Traced(folder=folder, warnings=warnings, trace=trace, ratio=ratio, summary=summary, rows=rows)


def _with_interval(name: str, values: Any) -> dict[str, Any]:
    return {name: float(np.mean(values)), f"{name}_interval": t_interval(np.asarray(values)).item().as_json()}


def _warnings(summary: Mapping[str, Any]) -> list[str]:
    warnings, metric, n_prompts = [], summary["metric"], summary["n_prompts"]
    if n_prompts < _FEW_PROMPTS:
        few = "prompts are" if n_prompts > 1 else "prompt is"
        warnings.append(f"{n_prompts} {few} few: recovery rates may change with others. See the intervals.")
    if metric["gap_interval"] is None or metric["gap_interval"][0] <= 0:
        is_unknown = metric["gap_interval"] is None
        found = (
            "clean minus corrupt has no interval" if is_unknown else "the interval of clean minus corrupt contains 0"
        )
        warnings.append(
            f"the corruption may not lower the metric at all ({found}): recovery rates mean little, and have no "
            "interval. Use more noise, or another ablation."
        )
    if below := summary["below_floor"]:
        listed = ", ".join(map(str, below[:_LISTED])) + (", ..." if len(below) > _LISTED else "")
        many = "they have no recovery rate of their own, and count"
        have = "it has no recovery rate of its own, and counts" if len(below) == 1 else many
        warnings.append(
            f"the corruption lowers the metric by less than {summary['floor']:g} (--min-gap) on {len(below)} of "
            f"{count_text(n_prompts, 'prompt')} ({listed}): {have} in the ratio of means but not in the mean of ratios."
        )
    return warnings


def _of_window(window: int | None, n_layers: int) -> list[str]:
    """Where windows around all layers are the same: half of one reaches over all others."""
    if window is None or window < 2 * n_layers - 1:
        return []
    return [
        f"a window of {window} layers covers all {n_layers} around any of them: all attention outputs have one "
        "recovery rate, and all MLP outputs, which says nothing of where. Give a smaller one (--set window=N)."
    ]


def _rows(scores: ComponentScores, ratio: Recovery, mean: Recovery) -> list[Row]:
    rows, means, interval = [], scores.means, scores.interval()
    for number, part in enumerate(scores.components):
        for index, position in enumerate(scores.positions):
            if not ratio.n_prompts[index]:
                continue
            row: dict[str, Any] = {"kind": part.kind, "component": str(part), "layer": part.layer, "place": position}
            for label, recovery in (("recovery", ratio), ("mean_of_ratios", mean)):
                row |= {
                    label: _number(recovery.values[index, number]),
                    f"{label}_low": _number(recovery.low[index, number]),
                    f"{label}_high": _number(recovery.high[index, number]),
                    f"{label}_prompts": int(recovery.n_prompts[index]),
                }
            row |= {"score": float(means[index, number])}
            row |= {f"score_{end}": _number(getattr(interval, end)[index, number]) for end in ("low", "high")}
            rows.append(row)
    return rows


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
