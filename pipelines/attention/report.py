"""Where heads attend, from stored results."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from circuits.arrays import Floats
from circuits.intervals import t_interval
from circuits.solved import dropped
from pipelines.attention.plan import AttentionPlan
from pipelines.reporting.report import Format, Report
from pipelines.reporting.tables import Row
from pipelines.runs.asked_model import model_asked
from pipelines.runs.codec import prompts_from
from pipelines.runs.first_jobs import task_name


@dataclass(frozen=True, kw_only=True)
class AttentionReport(Report):
    """The attention of heads.

    about         task, model, how many prompts; the prompt that is shown, its tokens and their roles
    weights       [head, query, key] on that prompt
    more_prompts  a few others, with their tokens, roles and weights; pages let their reader choose among all
    means         [head, query role, key role] mean over the prompts that have both; NaN where none has
    rows          the latter one by one, with 95 % t intervals over prompts

    >>> from pipelines import attention
    >>> report = attention("induction", heads="a1.h2", prompts=4)
    >>> report.weights.shape[0], report.rows[0]["query"], [row["prompt"] for row in report.more_prompts]
    (1, 'A', [1, 2, 3])
    """

    format = Format("circuit-workbench-attention", 1)
    about: Row
    weights: Floats
    more_prompts: tuple[Row, ...]
    means: Floats
    rows: tuple[Row, ...]

    def content(self) -> dict[str, Any]:
        more = [{**row, "weights": _rounded(row["weights"])} for row in self.more_prompts]
        return {
            **self.about,
            "weights": _rounded(self.weights),
            "more_prompts": more,
            "by_role": list(self.rows),
        }


def _rounded(weights: Floats) -> list[list[list[float]]]:
    return [[[round(float(w), 6) for w in row] for row in head] for head in weights]


def report(plan: AttentionPlan) -> AttentionReport:
    """The pattern on the prompt shown, and means by role."""
    store, settings = plan.store, plan.settings
    shown, roles = store.read(plan.pattern.key), store.read(plan.checked.key).meta["roles"]
    of_prompts = np.concatenate([store.read(job.key).arrays["means"] for job in plan.by_role]).astype(np.float64)
    counts = np.count_nonzero(~np.isnan(of_prompts), axis=0)
    means = np.where(counts > 0, np.nansum(of_prompts, axis=0) / np.maximum(counts, 1), np.nan)
    interval = t_interval(of_prompts)
    rows = tuple(
        {
            "head": head,
            "query": query,
            "key": key,
            "mean": float(means[at]),
            "interval": interval.item(*at).as_json(),
            "n_prompts": int(counts[at]),
        }
        for h, head in enumerate(settings.heads)
        for q, query in enumerate(roles)
        for k, key in enumerate(roles)
        if counts[at := (h, q, k)]
    )
    prompts = prompts_from(store.read(plan.first.prompts.key))
    about = {
        "task": task_name(settings),
        "model": model_asked(settings),
        "n_prompts": len(prompts),
        "solved": dropped(prompts.solved),
        "heads": list(settings.heads),
        "prompt": settings.prompt,
        "row": settings.row,
        **_named(shown.meta),
        "roles": roles,
    }
    more = store.read(plan.more.key)
    return AttentionReport(
        folder=plan.folder,
        about=about,
        weights=shown.arrays["weights"],
        more_prompts=tuple(
            {**_named(row), "weights": more.arrays[f"weights_{row['prompt']}"]} for row in more.meta["prompts"]
        ),
        means=means,
        rows=rows,
    )


def _named(shown: Row) -> Row:
    """What a job says of a prompt, under the names of the report."""
    return {name: value for name, value in shown.items() if name != "roles"} | {"token_roles": shown["roles"]}
