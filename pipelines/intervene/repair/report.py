"""What a repair does, from stored results."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from circuits.components import Component
from circuits.edits import edit_from
from circuits.evaluation.edit_effects import EditValues
from circuits.evaluation.repair import importance_correlation, mover, movers, paths
from circuits.intervals import Estimate
from pipelines.engine.result_file import Result
from pipelines.intervene.edit_stages import values_from
from pipelines.intervene.edited_jobs import described_prompts
from pipelines.intervene.effect_rows import effect_rows
from pipelines.intervene.repair.plan import KNOCK_OUT, RepairPlan
from pipelines.intervene.repair.stages import chosen_set, observed_from
from pipelines.reporting.report import Format, Report
from pipelines.reporting.tables import Row
from pipelines.runs.codec import prompts_from


@dataclass(frozen=True, kw_only=True)
class RepairReport(Report):
    """What heads edited as on another task do to a task.

    settings   what was asked, with the roles of right and wrong words; `edits` in words
    found      every head with what it was found by, best first; empty where heads were given
    choosing   rows of the prompts that chose: the plain model, each head alone, and sets; the chosen one `is_chosen`
    rows       the same on the prompts that judge, with `random`: the range over other heads of the same layers
    movers     the heads that say most of the answer: attention to the right and wrong words and direct attribution,
               before and how it changes; last all of them together (mean attention, sum of attributions)
    paths      the change of the logit difference (`whole`), and who says it directly: the `edited` heads, the
               `other_heads`, and the `rest`, mostly MLPs; the three add up to the whole
    spearman   rank correlation, over later heads, of the change of direct attribution and the original direct effect
    like_rows  on the other task: the plain model, and the chosen heads knocked out at END; empty without one

    >>> from pipelines import repair
    >>> result = repair("colored-objects", model="reference-early", heads="a2.h0,a3.h1", prompts=8, random=2)
    >>> result.chosen, len(result.choosing), sorted(result.paths)[:2]
    (('a3.h1',), 4, ['edited', 'edited_interval'])
    """

    format = Format("circuit-workbench-repair", 1)
    settings: Mapping[str, Any]
    edits: tuple[Row, ...]
    chance: float
    found: tuple[Row, ...]
    chosen: tuple[str, ...]
    choosing: tuple[Row, ...]
    rows: tuple[Row, ...]
    movers: tuple[Row, ...]
    paths: Row
    spearman: Row | None
    like_rows: tuple[Row, ...]

    def content(self) -> dict[str, Any]:
        names = (
            "settings",
            "edits",
            "chance",
            "found",
            "chosen",
            "choosing",
            "rows",
            "movers",
            "paths",
            "spearman",
            "like_rows",
        )
        return {name: _plain(getattr(self, name)) for name in names} | {"warnings": list(self.warnings)}


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def report(plan: RepairPlan) -> RepairReport:
    """What the stored results of a plan say."""
    jobs, store = plan.jobs, plan.store
    tried, judged = store.read(jobs.tried.key), [store.read(job.key) for job in jobs.judged]
    chosen = tuple(chosen_set(tried))
    prompts = prompts_from(store.read(jobs.first.prompts.key))
    rows = [_marked(row, chosen) for row in effect_rows(values_from(judged), judged[0].meta["variants"])]
    shown, of_paths, spearman = _downstream(plan, chosen)
    silenced = [store.read(job.key) for job in jobs.silenced]
    like_rows = effect_rows(values_from(silenced), silenced[0].meta["variants"]) if silenced else []
    return RepairReport(
        folder=plan.folder,
        warnings=(*prompts.warnings, *_of_found(plan), *_warnings(rows, plan)),
        settings=_settings(plan),
        edits=tuple({"edit": text, "description": edit_from(text).description} for text in plan.edits),
        chance=prompts.chance,
        found=tuple(store.read(jobs.found[0].key).meta["rows"]) if jobs.found else (),
        chosen=chosen,
        choosing=tuple(_marked(row, chosen) for row in _of_choice(tried)),
        rows=tuple(rows),
        movers=tuple(shown),
        paths=of_paths,
        spearman=spearman,
        like_rows=tuple(like_rows),
    )


def _settings(plan: RepairPlan) -> dict[str, Any]:
    asked, jobs = plan.settings, plan.jobs
    return described_prompts(asked.run_config()) | {
        "model_fingerprint": jobs.first.ran["model"],
        "heads": list(asked.heads),
        "edit": list(plan.edits),
        "like": plan.like,
        "find": None if asked.heads else asked.find,
        "candidates": asked.candidates,
        "most": asked.most,
        "least": asked.least,
        "random": asked.random,
        "right": plan.groups[0],
        "wrong": plan.groups[1],
        "n_choosing": jobs.choosing.n_prompts,
        "n_judging": jobs.judging.n_prompts,
        "n_like": None if jobs.like is None else jobs.like.n_prompts,
        "like_edit": KNOCK_OUT if jobs.silenced else None,
    }


def _of_choice(tried: Result) -> list[Row]:
    values = EditValues(*(tried.arrays[name] for name in EditValues._fields))
    sets = [{"sort": "set" if len(own) > 1 else "alone", "heads": own, "of": None} for own in tried.meta["sets"]]
    return effect_rows(values, sets)


def _marked(row: Row, chosen: tuple[str, ...]) -> Row:
    return {**row, "is_chosen": tuple(row["heads"]) == chosen}


def _downstream(plan: RepairPlan, chosen: tuple[str, ...]) -> tuple[list[Row], Row, Row | None]:
    """A row for every mover, who says the change, and the rank correlation over heads after the first edited layer."""
    observed = plan.store.read(plan.jobs.observed.key)
    before, after = (observed_from(observed, name) for name in ("before_", "after_"))
    importance = plan.store.read(plan.jobs.importance.key).arrays["importance"]
    first = min(Component.parse(head).layer or 0 for head in chosen)
    later = [
        n for n, head in enumerate(before.heads) if (Component.parse(head).layer or 0) > first and head not in chosen
    ]
    names = movers([before.heads[n] for n in later], importance[:, later], most=plan.settings.movers, spared=chosen)
    rows = []
    for heads in [*([name] for name in names), *([names] if len(names) > 1 else [])]:
        row: dict[str, Any] = {}
        for field, value in mover(heads, before, after, importance)._asdict().items():
            row |= _estimate(field, value) if isinstance(value, Estimate) else {field: value, f"{field}_interval": None}
        rows.append(row)
    found = importance_correlation((after.direct - before.direct)[:, later], importance[:, later])
    spearman = None if found is None else {**_estimate("spearman", found), "n_heads": len(later)}
    said = paths(chosen, before, after)._asdict().items()
    return rows, {key: value for name, part in said for key, value in _estimate(name, part).items()}, spearman


def _estimate(name: str, estimate: Estimate) -> dict[str, Any]:
    return {name: estimate.value, f"{name}_interval": estimate.interval.as_json()}


def _of_found(plan: RepairPlan) -> list[str]:
    """A warning where no head surely differs."""
    if not plan.jobs.found or plan.store.read(plan.jobs.found[0].key).meta["is_sure"]:
        return []
    differs = "edit surely raises the metric by itself"
    if plan.settings.find == "behavior":
        differs = f"row turns surely to the wrong words on {plan.like} and less so here, by {plan.settings.least:g}"
    return [f"no head's {differs}: the first heads in the order of these numbers were taken."]


def _warnings(rows: list[Row], plan: RepairPlan) -> list[str]:
    """Where the judging half does not bear out what the choosing half chose."""
    (chosen,) = (row for row in rows if row["is_chosen"])
    warnings = []
    ends = chosen["accuracy_difference_interval"]
    if ends is None or ends[0] <= 0:
        warnings.append(
            f"editing {', '.join(chosen['heads'])}, chosen on half of the prompts, does not surely raise the accuracy "
            f"on the other half ({chosen['accuracy_difference']:+z.1%}): this repairs nothing."
        )
    drawn = chosen["random"]
    if plan.settings.random and not drawn["n"]:
        warnings.append("the layers of the chosen heads have too few other heads to compare with.")
    elif drawn["as_much"]:
        warnings.append(
            f"{drawn['as_much']} of {drawn['n']} sets of other heads of the same layers raise the metric as much: the "
            "repair is not particular to the heads."
        )
    return warnings
