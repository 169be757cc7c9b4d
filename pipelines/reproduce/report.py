"""What the searches found, beside the published numbers, from stored results."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from graphs.comparison.by_stage import stage_overlap
from pipelines.engine.result_file import Result
from pipelines.reporting.report import Format, Report
from pipelines.reproduce import published
from pipelines.reproduce.plan import COLORED_OBJECTS, CONTROL, IOI, ReusePlan
from pipelines.runs.caveats import accuracy_of, of_accuracy
from pipelines.runs.codec import baseline_from, prompts_from
from pipelines.runs.method_settings import make_method

Row = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Reproduction(Report):
    """Reuse of heads, measured and published.

    rows      one per number: `what`, `measured` (with `interval`, where it has one), `published` and `as_published`
    tasks     task -> accuracy, metric, and the heads of every stage
    overlaps  heads shared by stage, over the stages and in their union: IOI and Colored Objects, IOI and the control
    roles     of each role whose heads the paper names, those that the search found; empty for other models

    >>> from pipelines import reproduce_reuse
    >>> found = reproduce_reuse("reference", prompts=16, top=2, control=False)
    >>> found.model, list(found.tasks), len(found.content()["rows"]) == len(found.rows)
    ('reference', ['ioi', 'colored-objects'], True)
    """

    format = Format("circuit-workbench-reuse", 1)
    model: str
    rows: tuple[Row, ...]
    tasks: Mapping[str, Row]
    overlaps: tuple[Row, ...]
    roles: tuple[Row, ...]

    def content(self) -> dict[str, Any]:
        names = ("model", "rows", "tasks", "overlaps", "roles", "warnings")
        return {name: list(value) if isinstance(value := getattr(self, name), tuple) else value for name in names}


def report(plan: ReusePlan) -> Reproduction:
    """The numbers of the paper that the searches give, each measured and, of its model, as published."""
    tasks = {task: _of_task(plan, task) for task in plan.jobs}
    others = [task for task in (COLORED_OBJECTS, CONTROL) if task in tasks]
    overlaps = tuple(stage_overlap(IOI, tasks[IOI]["path_stages"], task, tasks[task]["path_stages"]) for task in others)
    is_published = published.is_of(plan.model)
    rows = tuple(
        row if is_published else {**row, "published": None, "as_published": None} for row in _rows(tasks, overlaps)
    )
    roles = tuple(row for task in tasks for row in _roles(task, tasks[task])) if is_published else ()
    warnings = list(dict.fromkeys(filter(None, map(_of_one_head, tasks.values()))))
    warnings += [f"{task}: {text}" for task, row in tasks.items() for text in row["warnings"]]
    warnings += [text for overlap in overlaps for text in overlap["warnings"]]
    return Reproduction(
        folder=plan.folder,
        warnings=tuple(warnings),
        model=plan.model,
        rows=rows,
        tasks=tasks,
        overlaps=overlaps,
        roles=roles,
    )


def _of_task(plan: ReusePlan, task: str) -> Row:
    jobs, config = plan.jobs[task], plan.configs[task]

    def results_of(stage: str) -> list[Result]:
        return [plan.store.read(job.key) for job in jobs.stages if job.stage.name == stage]

    findings = make_method(config.method, config.settings).findings(results_of)
    baseline = baseline_from(plan.store.read(jobs.baseline.key))
    prompts = prompts_from(plan.store.read(jobs.prompts.key))
    accuracy = accuracy_of(baseline, prompts)
    metric = {"clean": float(baseline.clean.mean()), "corrupt": float(baseline.ablated.mean())}
    # The search's own sentence names options that this command does not have.
    too_few = findings.summary["path_stages"]["too_few"]
    warnings = [*of_accuracy(accuracy), *prompts.warnings, *(text for text in findings.warnings if text != too_few)]
    return {"n_prompts": len(prompts), **accuracy, "metric": metric, **findings.summary, "warnings": warnings}


def _of_one_head(of_task: Row) -> str | None:
    """That the share of heads which a stage keeps is one head, where it is: the same of every task."""
    found = of_task["path_stages"]
    if found["too_few"] is None:
        return None
    return (
        f"each stage keeps one head, the strongest ({found['kept_by']}): such a share is meant for models of hundreds "
        "of heads. Ask for more, such as --top 3."
    )


def _rows(tasks: Mapping[str, Row], overlaps: tuple[Row, ...]) -> Iterator[Row]:
    for task, of_task in tasks.items():
        known = published.COLORED_OBJECTS_TOP1 if task == COLORED_OBJECTS else None
        yield _row(f"{task}: answer above all tokens", of_task["top1"], known, of_task["top1_interval"])
    for overlap in overlaps:
        pair = f"{overlap['a']} and {overlap['b']}"
        is_control = overlap["b"] == CONTROL
        over, union = overlap["over_stages"], overlap["union"]
        share = over["n_shared"] / over["n_a"] if over["n_a"] else None
        counted = f"{over['n_shared']} of {over['n_a']} in {overlap['a']}, of {over['n_b']} in {overlap['b']}"
        known = None if is_control else published.SHARED_OVER_STAGES
        yield _row(f"{pair}: heads shared, over the stages", share, known, counted=counted)
        counted = f"{union['n_shared']} of {union['n_a'] + union['n_b'] - union['n_shared']} in either"
        known = published.SHARED_WITH_CONTROL if is_control else None
        yield _row(f"{pair}: heads shared, in the union of the stages", union["iou"], known, counted=counted)


def _row(
    what: str,
    measured: float | None,
    known: published.Number | None,
    interval: list[float] | None = None,
    counted: str | None = None,
) -> Row:
    number = {"published": None, "as_published": None}
    if known is not None:
        number = {"published": known.value, "as_published": known.text}
    return {"what": what, "measured": measured, "interval": interval, "counted": counted, **number}


def _roles(task: str, of_task: Row) -> Iterator[Row]:
    """Of the heads that the paper names, those that any stage of the search kept."""
    circuit = published.heads_of(task)
    if circuit is None:
        return
    kept = {entry["head"]: row["finds"] for row in of_task["path_stages"]["stages"] for entry in row["heads"]}
    for role, parts in circuit.roles.items():
        heads = list(map(str, parts))
        found = {head: kept[head] for head in heads if head in kept}
        yield {"task": task, "role": role, "heads": heads, "n": len(heads), "n_found": len(found), "found": found}
