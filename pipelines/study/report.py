"""What a study reports for one value, as plain values: from the stored results of its jobs, without running a model.

A number that was not measured is None, and `reasons` says why under the same name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from circuits.data.prompts import PromptSet
from circuits.evaluation.known_circuit import KnownCircuit
from circuits.evaluation.ranking import bootstrap_auroc, judges, match_heads, node_auroc, trial_aurocs
from circuits.files import portable
from circuits.methods import METHODS
from circuits.model.sources import is_path
from circuits.scores import ComponentScores, EdgeScores
from circuits.solved import dropped
from graphs.figures.sweep import StudyCurve, StudyPoint, value_label
from graphs.selection import means_at
from pipelines.discover.cost import cost_of
from pipelines.discover.settings import DiscoverSettings
from pipelines.engine.store import Store
from pipelines.reporting.report import Format, Report
from pipelines.runs.caveats import of_scores
from pipelines.runs.codec import baseline_from, prompts_from, scores_from
from pipelines.runs.method_settings import with_portable_paths
from pipelines.runs.settings import ABLATION_ALIASES, CIRCUIT_SETTINGS
from pipelines.study.plan import Case, StudyPlan, holder_of, require_same

Row = dict[str, Any]
SAME_FOR_ALL = "all prompts have the same scores, as with a learned mask: resampling changes nothing"
ONE_PROMPT = "one prompt cannot be resampled"


@dataclass(frozen=True, kw_only=True)
class Study(Report):
    """One setting varied.

    key     the setting
    rows    one per value, as plain values
    config  what all values have in common
    truth   name of the known circuit whose heads should be ranked first

    >>> from pipelines import discover, study
    >>> known = discover("ioi", prompts=8, edges=40)
    >>> result = study("ioi", prompts=8, vary={"method": ["eap", "random"]}, truth=known.name)
    >>> result.key, [row["value"] for row in result.rows], result.config["task"]
    ('method', ['eap', 'random'], 'ioi')
    """

    format = Format("circuit-workbench-study", 1)
    key: str
    rows: tuple[Row, ...]
    config: Mapping[str, Any]
    truth: str

    def content(self) -> dict[str, Any]:
        found = {"config": dict(self.config), "rows": list(self.rows), "warnings": list(self.warnings)}
        return {"vary": self.key, "truth": self.truth, **found}

    @property
    def curve(self) -> StudyCurve:
        """What the figure shows."""
        names = [row["provenance"]["model"] for row in self.rows]
        # Model folders are shown by name, unless two share one.
        is_named = self.key == "model" and len(set(names)) == len(names)
        values = names if is_named else [row["value"] for row in self.rows]
        points = tuple(_point(value, row) for value, row in zip(values, self.rows, strict=True))
        shown = ("task", "model", "method", "metric", "ablation")
        same = {name: _only(row["provenance"][name] for row in self.rows) for name in shown}
        # Settings of a task are part of its name.
        task = same.pop("task") or str(self.config["task"])
        return StudyCurve(self.key, points, task=task, truth=self.truth, **same)


def report(plan: StudyPlan) -> Study:
    """A row per value; a ValueError where models are not wired alike, or not like the known circuit."""
    rows, wirings = [], {}
    warnings: dict[str, list[str]] = {}
    for case in plan.cases:
        scores = scores_of(case, plan.store)
        baseline = baseline_from(plan.store.read(case.jobs.baseline.key))
        of_found = of_scores(scores, baseline, position=case.config.position)
        for warning in (*_prompts_of(case, plan.store).warnings, *of_found):
            warnings.setdefault(warning, []).append(value_label(case.value))
        wiring = wirings[case.config.model] = scores.wiring
        plan.known.check_heads(wiring.n_layers, wiring.n_heads)
        plan.known.check(wiring)
        rows.append(study_row(case, scores, plan.known, plan.store))
    require_same(wirings)
    config = _in_common(plan.cases[0].config, plan.varied.key)
    # What all values share is said once.
    shown = (
        text if len(values) == len(plan.cases) else f"{plan.varied.key} {', '.join(values)}: {text}"
        for text, values in warnings.items()
    )
    return Study(
        folder=plan.folder,
        warnings=tuple(shown),
        key=plan.varied.key,
        rows=tuple(rows),
        config=config,
        truth=plan.known.name,
    )


def _in_common(config: DiscoverSettings, key: str) -> dict[str, Any]:
    """The settings of all cases, without the varied one and those that a study does not use."""
    common = with_portable_paths(config).model_dump(mode="json", exclude={*CIRCUIT_SETTINGS})
    if key in ABLATION_ALIASES:
        del common["ablation_settings"][ABLATION_ALIASES[key]]
    else:
        holder = holder_of(key, config.method, config.task)
        del (common if holder is None else common[holder])[key]
    return common


def scores_of(case: Case, store: Store) -> ComponentScores | EdgeScores:
    """The scores that were measured at one value."""
    jobs = case.jobs
    labels = {name: jobs.graph.settings[name] for name in ("task", "seed")}
    return scores_from([store.read(job.key) for job in case.jobs.scores], _prompts_of(case, store), **labels)


def _prompts_of(case: Case, store: Store) -> PromptSet:
    return prompts_from(store.read(case.jobs.prompts.key))


def study_row(case: Case, scores: ComponentScores | EdgeScores, known: KnownCircuit, store: Store) -> Row:
    """How well the scores of one value rank the known heads first, and what they cost.

    Jobs that values share are counted in the cost of each.
    """
    reasons: dict[str, str] = {}
    position = means_at(scores, case.config.position).position if isinstance(scores, ComponentScores) else None
    value = portable(case.value) if isinstance(case.value, str) and is_path(case.value) else case.value
    row: Row = {"value": value, "n_prompts": scores.n_prompts, "solved": dropped(scores.provenance.solved)}
    row |= {"auroc": _aurocs(case, scores, known, position, reasons)}
    row |= {"best_f1": match_heads((), scores, known, position=position).best_f1}
    row |= cost_of(case.jobs.measured, case.jobs.baseline, store, reasons)
    return row | {"n_jobs": len(case.jobs.measured), "provenance": asdict(scores.provenance), "reasons": reasons}


def _aurocs(
    case: Case,
    scores: ComponentScores | EdgeScores,
    known: KnownCircuit,
    position: str | None,
    reasons: dict[str, str],
) -> Row:
    """AUROC over heads, and over heads and MLPs where both are measured and judged."""

    def ranked(name: str, *kinds: str) -> Row | None:
        try:
            auroc = node_auroc(scores, known, position=position, kinds=kinds)
        except ValueError as error:
            reasons[f"auroc_{name}"] = str(error)
            return None
        trials = trial_aurocs(scores, known, position=position, kinds=kinds)
        interval = None
        if METHODS[case.config.method].is_shared_across_prompts:
            reasons["interval"] = SAME_FOR_ALL
        elif trials is None:
            interval = bootstrap_auroc(scores, known, position=position, kinds=kinds).as_json()
            if interval is None:
                reasons["interval"] = ONE_PROMPT
        return {
            **auroc._asdict(),
            "interval": interval,
            "trials": None if trials is None else trials._asdict(),
        }

    heads = ranked("heads", "head")
    if not judges(scores, known, "mlp", position=position):
        why = "the method scores no MLPs" if "mlp" in known.kinds else "the known circuit judges heads alone"
        reasons["auroc_nodes"] = why
        return {"heads": heads, "nodes": None}
    return {"heads": heads, "nodes": ranked("nodes", "head", "mlp")}


def _point(value: Any, row: Row) -> StudyPoint:
    """A row as the figure shows it; without an AUROC where there was nothing to rank."""
    heads = row["auroc"]["heads"] or {"by_mean": None, "interval": None, "trials": None}
    interval, trials = heads["interval"], heads["trials"]
    return StudyPoint(
        value,
        heads["by_mean"],
        interval=None if interval is None else tuple(interval),
        trials=None if trials is None else (trials["mean"], trials["sd"], trials["n"]),
        n_prompts=row["n_prompts"],
        n_drawn=None if row["solved"] is None else row["solved"]["drawn"],
    )


def _only(values: Any) -> Any:
    """The one value that all have; None where they differ."""
    distinct = set(values)
    return distinct.pop() if len(distinct) == 1 else None
