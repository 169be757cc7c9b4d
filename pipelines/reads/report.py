"""What was written into the queries and keys of heads, from stored results."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from circuits.arrays import Floats
from circuits.intervals import t_interval, t_interval_of_sums
from circuits.solved import dropped
from pipelines.engine.result_file import Result
from pipelines.reads.pair_table import pair_table
from pipelines.reads.plan import ReadsPlan
from pipelines.reporting.report import Format, Report
from pipelines.reporting.tables import Row
from pipelines.runs.asked_model import model_asked
from pipelines.runs.codec import prompts_from
from pipelines.runs.first_jobs import task_name

ALL = "all"


@dataclass(frozen=True, kw_only=True)
class ReadsReport(Report):
    """Attention scores of heads, split over what was written on both sides.

    about   the task, the model, how many prompts, and which score
    rows    means over the prompts that have it, with 95 % t intervals, None where unbounded. Of each head the `score`
           (`query_part` and `key_part` are `all`); each writer's part in the query, over all of the key, which add up
           to the score; each writer's part in the key, likewise; and the largest pairs
    tables one per `head` with a score: the pairs of the writers that matter most (`pair_table`), which add up to it

    >>> from pipelines import reads
    >>> report = reads("ioi", heads="a2.h1", key="S2", minus="others", prompts=4)
    >>> report.rows[0]["head"], report.tables[0]["head"]
    ('a2.h1', 'a2.h1')
    """

    format = Format("circuit-workbench-reads", 1)
    about: Row
    rows: tuple[Row, ...]
    tables: tuple[Row, ...]

    def content(self) -> dict[str, Any]:
        return {**self.about, "parts": list(self.rows), "tables": list(self.tables), "warnings": list(self.warnings)}


def report(plan: ReadsPlan) -> ReadsReport:
    """What the stored results of a plan say."""
    store, settings = plan.store, plan.settings
    results = [store.read(job.key) for job in plan.slices]
    prompts = prompts_from(store.read(plan.first.prompts.key))
    rows, tables, warnings = [], [], []
    for number, head in enumerate(settings.heads):
        writers, measured = results[0].meta["writers"][number], _joined(results, f"measured{number}").astype(bool)
        n_prompts = int(measured.sum())
        about = {"head": head, "n_prompts": n_prompts}
        if not measured.any():
            warnings.append(f"{settings.score}: no query of {head} can see a key in any prompt, or roles never meet.")
            rows.append({**about, "query_part": ALL, "key_part": ALL, "mean": None, "interval": None})
            continue
        rows.append({**about, "query_part": ALL, "key_part": ALL, **_means(results, f"score{number}", measured)[0]})
        for side, other in (("query", "key"), ("key", "query")):
            for writer, row in zip(writers, _means(results, f"{side}{number}", measured), strict=True):
                rows.append({**about, f"{side}_part": writer, f"{other}_part": ALL, **row})
        totals, squares = (_summed(results, f"{name}{number}") for name in ("pairs", "squares"))
        rows += [{**about, **row} for row in _largest_pairs(totals, squares, writers, settings.pairs, n_prompts)]
        tables.append({"head": head, **pair_table(totals, squares, writers, n_prompts)})
    about = {
        "task": task_name(settings),
        "model": model_asked(settings),
        "dtype": settings.dtype,
        "n_prompts": len(prompts),
        "solved": dropped(prompts.solved),
        "score": str(settings.score),
    }
    return ReadsReport(
        folder=plan.folder, warnings=tuple(warnings), about=about, rows=tuple(rows), tables=tuple(tables)
    )


def _joined(results: list[Result], name: str) -> Floats:
    return np.concatenate([result.arrays[name] for result in results])


def _means(results: list[Result], name: str, measured: Any) -> list[Row]:
    """The mean of every column over the measured prompts, with its interval."""
    values = _joined(results, name)[measured].reshape(int(measured.sum()), -1)
    ends = t_interval(values)
    return [
        {"mean": float(mean), "interval": ends.item(column).as_json()}
        for column, mean in enumerate(values.mean(axis=0))
    ]


def _summed(results: list[Result], name: str) -> Floats:
    return np.sum([result.arrays[name] for result in results], axis=0)


def _largest_pairs(totals: Floats, squares: Floats, writers: list[str], most: int, n_prompts: int) -> list[Row]:
    """The pairs with the largest means, whatever their sign."""
    order = np.argsort(-np.abs(totals), axis=None, kind="stable")[:most]
    chosen = np.unravel_index(order, totals.shape)
    ends = t_interval_of_sums(n_prompts, totals[chosen], squares[chosen])
    return [
        {
            "query_part": writers[query],
            "key_part": writers[key],
            "mean": float(totals[query, key] / n_prompts),
            "interval": ends.item(rank).as_json(),
        }
        for rank, (query, key) in enumerate(zip(*chosen, strict=True))
    ]
