"""Direct and total effects, from stored results."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from circuits.arrays import Floats
from circuits.components import Component
from circuits.data.prompts import PromptSet
from circuits.intervals import t_interval
from circuits.profiles.option_heads import option_classes, options_of
from circuits.solved import dropped
from pipelines.effects.plan import EffectsPlan
from pipelines.effects.settings import EffectsSettings
from pipelines.engine.result_file import Result
from pipelines.reporting.report import Format, Report
from pipelines.reporting.tables import Row
from pipelines.runs.asked_model import model_asked
from pipelines.runs.caveats import of_gap
from pipelines.runs.codec import baseline_from, prompts_from
from pipelines.runs.first_jobs import task_name


@dataclass(frozen=True, kw_only=True)
class EffectsReport(Report):
    """Every head and MLP at the answer position.

    about  the task, the model, how many prompts, metric and ablation, and the metric `clean` and `ablated`
    rows   one per part, the largest total effect first: `total`, `direct`, `indirect` (total minus direct, paired) and
           `writes` (direct logit attribution), means with 95 % t intervals; `class` of a head on multiple-choice
           prompts, None where no rule fits

    >>> from pipelines import effects
    >>> report = effects("ioi", prompts=4)
    >>> report.about["metric"], report.rows[0]["part"]
    ('logit-difference', 'a3.h3')
    """

    format = Format("circuit-workbench-effects", 1)
    about: Row
    rows: tuple[Row, ...]

    def content(self) -> dict[str, Any]:
        return {**self.about, "parts": list(self.rows), "warnings": list(self.warnings)}


def report(plan: EffectsPlan) -> EffectsReport:
    """What the stored results of a plan say."""
    store, settings = plan.store, plan.settings
    results, prompts = [store.read(job.key) for job in plan.slices], prompts_from(store.read(plan.first.prompts.key))
    baseline, shape = baseline_from(store.read(plan.first.baseline.key)), results[0].meta
    columns = {name: _joined(results, name) for name in ("total", "direct")}
    columns["indirect"] = columns["total"] - columns["direct"]
    warnings = [*prompts.warnings, *of_gap(baseline)]
    if shape["no_writes"] is None:
        columns["writes"] = _joined(results, "writes")
    else:
        warnings.append(f"what parts write is left out: {shape['no_writes']}")
    means = {name: _means(values) for name, values in columns.items()}
    classes, why_none = _classes(results, prompts, settings, shape["options"])
    rows = []
    for number, name in enumerate(shape["parts"]):
        own = {key: value for column, of in means.items() for key, value in _named(column, of[number]).items()}
        of_head = {"class": classes.get(name)} if Component.parse(name).is_head else {"class": None}
        rows.append({"part": name, **own, **of_head})
    about = {
        "task": task_name(plan.config),
        "model": model_asked(settings),
        "dtype": settings.dtype,
        "n_prompts": len(prompts),
        "solved": dropped(prompts.solved),
        "metric": settings.metric,
        "ablation": settings.ablation,
        "clean": float(np.mean(baseline.clean)),
        "ablated": float(np.mean(baseline.ablated)),
        "options": shape["options"],
        "no_classes": why_none,
    }
    rows.sort(key=lambda row: -abs(row["total"]))
    return EffectsReport(folder=plan.folder, warnings=tuple(warnings), about=about, rows=tuple(rows))


def _joined(results: list[Result], name: str) -> Floats:
    return np.concatenate([result.arrays[name] for result in results]).astype(np.float64)


def _means(values: Floats) -> list[Row]:
    """Mean and interval of every column [prompt, part]."""
    ends = t_interval(values)
    return [{"mean": float(mean), "interval": ends.item(n).as_json()} for n, mean in enumerate(values.mean(axis=0))]


def _named(column: str, of: Row) -> Row:
    return {column: of["mean"], f"{column}_interval": of["interval"]}


def _classes(
    results: list[Result], prompts: PromptSet, settings: EffectsSettings, options: list[str]
) -> tuple[Mapping[str, str | None], str | None]:
    """The class of every head, and why there are none."""
    if not options:
        return {}, f"the prompts have no options: roles {settings.options}, and {settings.correct} where one of them is"
    right = [options_of(prompt, options, settings.correct) for prompt in prompts]
    if any(own is None for own in right):
        return {}, f"in some prompt no option is where the role {settings.correct!r} is"
    n_heads = [name for name in results[0].meta["parts"] if Component.parse(name).is_head]
    try:
        classes = option_classes(
            _joined(results, "attention"),
            [own for own in right if own is not None],
            _joined(results, "recent"),
            [option.rpartition("_")[2] for option in options],
        )
    except ValueError as error:
        return {}, str(error)
    return dict(zip(n_heads, classes, strict=True)), None
