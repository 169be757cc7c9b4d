"""What a study reports for one value, as plain values: from the stored results of its jobs, without running a model.

A number that was not measured is None, and `reasons` says why under the same name.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from circuits.known import KnownCircuit, bootstrap_auroc, judges, match_heads, node_auroc, trial_aurocs
from circuits.methods import METHODS
from circuits.scores import ComponentScores, EdgeScores
from graphs.selection import means_at
from pipelines.assemble import prompts_from, scores_from
from pipelines.store import Store
from pipelines.study_plan import Case
from pipelines.verdicts import cost_of

SAME_FOR_ALL = "all prompts have the same scores, as with a learned mask: resampling changes nothing"
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
            interval = list(bootstrap_auroc(scores, known, position=position, kinds=kinds))
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
