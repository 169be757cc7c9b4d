"""What a study reports for one value, as plain values: from the stored results of its jobs, without running a model.

A number that was not measured is None, and `reasons` says why under the same name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from circuits.evaluation.known_circuit import KnownCircuit
from circuits.evaluation.ranking import bootstrap_auroc, judges, match_heads, node_auroc, trial_aurocs
from circuits.methods import METHODS
from circuits.scores import ComponentScores, EdgeScores
from graphs.figures.sweep import StudyCurve, StudyPoint
from graphs.selection import means_at
from pipelines.discover.cost import cost_of
from pipelines.engine.store import Store
from pipelines.runs.codec import prompts_from, scores_from
from pipelines.study.plan import Case

SAME_FOR_ALL = "all prompts have the same scores, as with a learned mask: resampling changes nothing"
ONE_PROMPT = "one prompt cannot be resampled"
Row = dict[str, Any]


def scores_of(case: Case, store: Store) -> ComponentScores | EdgeScores:
    """The scores that were measured at one value."""
    jobs = case.jobs
    labels = {name: jobs.graph.settings[name] for name in ("task", "seed")}
    prompts = prompts_from(store.read(jobs.prompts.key))
    return scores_from([store.read(job.key) for job in case.jobs.scores], prompts, **labels)


def study_row(case: Case, scores: ComponentScores | EdgeScores, known: KnownCircuit, store: Store) -> Row:
    """How well the scores of one value rank the known heads first, and what they cost.

    Jobs that values share are counted in the cost of each.
    """
    reasons: dict[str, str] = {}
    position = means_at(scores, case.config.position).position if isinstance(scores, ComponentScores) else None
    row: Row = {"value": case.value, "n_prompts": scores.n_prompts}
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


FORMAT = "circuit-workbench-study"


VERSION = 1


@dataclass(frozen=True)
class Study:
    """One setting varied, and what this call spent on it.

    key     the setting
    rows    one per value, as plain values (`pipelines.study.report`)
    config  what all values have in common
    truth   name of the known circuit whose heads should be ranked first
    folder  holds study.json, study.csv and the figure
    """

    key: str
    rows: tuple[Row, ...]
    config: Mapping[str, Any]
    truth: str
    folder: Path
    n_jobs: int
    n_computed: int
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        """The results, without what this call cost: the content of study.json."""
        content = {"vary": self.key, "truth": self.truth, "config": dict(self.config), "rows": list(self.rows)}
        return {"format": FORMAT, "version": VERSION, **content}

    @property
    def curve(self) -> StudyCurve:
        """What the figure shows."""
        names = [row["provenance"]["model"] for row in self.rows]
        # Model folders are shown by name, unless two share one.
        is_named = self.key == "model" and len(set(names)) == len(names)
        values = names if is_named else [row["value"] for row in self.rows]
        points = tuple(_point(value, row) for value, row in zip(values, self.rows, strict=True))
        first = self.rows[0]["provenance"]
        same = {name: _only(row["provenance"][name] for row in self.rows) for name in ("model", "method", "metric")}
        ablation = _only(row["provenance"]["ablation"] for row in self.rows)
        return StudyCurve(self.key, points, task=first["task"], truth=self.truth, ablation=ablation, **same)


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
    )


def _only(values: Any) -> Any:
    """The one value that all have; None where they differ."""
    distinct = set(values)
    return distinct.pop() if len(distinct) == 1 else None
