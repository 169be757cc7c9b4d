"""The roles of a run's heads, from stored results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from circuits.arrays import Floats
from circuits.components import Component
from circuits.data.prompts import END, PromptSet
from circuits.intervals import excludes_zero, t_interval
from circuits.profiles.received import Received, even_share
from circuits.scores import ComponentScores
from graphs import CircuitGraph
from graphs.roles import AT_END, DIRECT, INDIRECT, Reading, Readings, RoleLabel, RoleRule, labels_of
from graphs.roles.label import CANDIDATES, RIGHT, WRONG
from pipelines.engine.result_file import Result
from pipelines.profile.given import profile_from
from pipelines.reporting.report import Format, Report
from pipelines.reporting.tables import Row
from pipelines.roles.plan import RolesPlan
from pipelines.runs.as_written import part_as_text
from pipelines.runs.codec import baseline_from, prompts_from, scores_from


@dataclass(frozen=True, kw_only=True)
class RolesReport(Report):
    """The roles of the heads of a circuit, and of the other heads of its model.

    circuit  its heads with their labels
    about    run, task, model, prompts, the gap that effects are shares of
    rules    one per rule: what it asks, who described it, how many heads have it; or why it cannot be applied
    rows     one per head of the model: whether it is in the circuit, its labels with their evidence, and all readings

    >>> from pipelines import discover, label_heads
    >>> report = label_heads(discover("induction", prompts=32))
    >>> report.about["task"], len(report.rows), sum(node.role is not None for node in report.circuit.nodes) > 0
    ('induction', 16, True)
    """

    format = Format("circuit-workbench-roles", 1)
    circuit: CircuitGraph
    about: Row
    rules: tuple[Row, ...]
    rows: tuple[Row, ...]

    def content(self) -> dict[str, Any]:
        return {**self.about, "rules": list(self.rules), "heads": list(self.rows)}


def report(plan: RolesPlan) -> RolesReport:
    """Labels from readings. ValueError where clean and corrupt prompts do not differ: no effect is a share of that."""
    store, run = plan.store, plan.run
    prompts = prompts_from(store.read(plan.of_run.judging.key))
    checked = store.read(plan.jobs.checked.key).meta
    heads = tuple(str(Component("head", *divmod(n, checked["n_heads"]))) for n in range(_n_heads(checked)))
    baseline = baseline_from(store.read(plan.of_run.judged_baseline.key))
    gaps = (baseline.clean - baseline.ablated).astype(np.float64)
    if not excludes_zero(gaps):
        raise ValueError(
            f"the prompts of {run.name} have no gap: the metric clean and corrupt may be the same on average, so that "
            "no effect can be told from chance. Discover with more prompts, or on a task that the model solves."
        )
    readings = _readings(plan, heads, float(gaps.mean()))
    too_short = {rule.name: reason for rule in plan.rules if (reason := _too_short(rule, prompts)) is not None}
    told = [rule for rule in plan.rules if rule.name not in too_short]
    labels = labels_of(told, readings, level=plan.level)
    in_circuit = {str(part) for part in run.circuit.heads}
    named = [Reading(source, place) for source, place in readings.values]
    rows = tuple(
        {
            "head": head,
            "in_circuit": head in in_circuit,
            "role": next((label.role for label in labels.get(head, ())), None),
            "labels": [asdict(label) for label in labels.get(head, ())],
            "readings": {reading.name: _estimate(readings, reading, number, plan.level) for reading in named},
        }
        for number, head in enumerate(heads)
    )
    reasons = {rule.name: too_short.get(rule.name) or readings.reason(rule) for rule in plan.rules}
    rules = tuple(_of_rule(rule, reasons[rule.name], labels, in_circuit) for rule in plan.rules)
    about = {
        "run": run.name,
        "task": run.circuit.label,
        "model": run.summary["model"],
        "n_prompts": len(prompts),
        "held_out": plan.of_run.is_held_out,
        "metric": run.config.metric,
        "ablation": run.config.ablation,
        "gap": float(gaps.mean()),
        "gap_interval": t_interval(gaps).item().as_json(),
        "level": plan.level,
        "right": plan.right,
        "wrong": plan.wrong,
        "n_heads": len(heads),
        "n_in_circuit": len(in_circuit),
    }
    chosen_on = "effects are measured on the prompts that chose the circuit, whose heads then look better than they are"
    warnings = () if plan.of_run.is_held_out else (chosen_on,)
    graph = run.circuit.with_labels(labels)
    return RolesReport(folder=plan.folder, warnings=warnings, circuit=graph, about=about, rules=rules, rows=rows)


def _n_heads(checked: Mapping[str, Any]) -> int:
    return checked["n_layers"] * checked["n_heads"]


def _readings(plan: RolesPlan, heads: tuple[str, ...], gap: float) -> Readings:
    """Everything that was read, effects as shares of the gap."""
    store, jobs = plan.store, plan.jobs
    values: dict[tuple[str, str], Floats] = {}
    refused = dict(store.read(jobs.checked.key).meta["refused"])
    weighed = [store.read(job.key) for job in jobs.weights]
    for results in ([store.read(job.key) for job in jobs.profiles], weighed):
        values |= _profiles(results)
    for result in weighed:
        refused |= result.meta["refused"]
    prompts = {AT_END: store.read(jobs.end.key)}
    of_run = store.read(plan.of_run.judging.key)
    for effect, of_slices in jobs.effects.items():
        results = [store.read(job.key) for job in of_slices]
        scores: ComponentScores = scores_from(results, prompts_from(prompts.get(effect, of_run)))
        order = [scores.components.index(Component.parse(head)) for head in heads]
        values[effect, Reading(effect).place] = scores.per_prompt[:, 0, order].astype(np.float64) / gap
    at = Reading(AT_END).place
    values[INDIRECT, at] = values[AT_END, at] - values[DIRECT, at]
    of_weights = frozenset(text for result in weighed for text in result.meta["read"])
    of_profiles = {source for source, _ in values} - {*jobs.effects, INDIRECT}
    limits = {source: profile_from(source).limits for source in of_profiles}
    judged = prompts_from(of_run)
    refused = {source: _why_not(source, reason, judged) for source, reason in refused.items()}
    return Readings(heads, values, of_weights, refused, limits)


def _why_not(source: str, reason: str, prompts: PromptSet) -> str:
    """Why a profile could not be read, and what to do where words that stand for answers are not known."""
    if getattr(profile_from(source), "to", None) not in (RIGHT, WRONG, CANDIDATES):
        return reason
    roles = [role for role in prompts.roles if role != END]
    own = f"they have {', '.join(roles)}" if roles else "they have none beside END"
    return (
        "no token of the prompts is an answer or a wrong answer, and no role says which words stand for them. Name "
        f"such roles with --right ROLE and --wrong ROLE ({own}), or give these words the roles `right` and `wrong` in "
        "the prompts."
    )


def _too_short(rule: RoleRule, prompts: PromptSet) -> str | None:
    """Why a rule says nothing of prompts this short: the first token receives as much of attention spread evenly."""
    even = float(np.mean([even_share(len(prompt)) for prompt in prompts]))
    bounds = [one.bound for one in rule.conditions if one.reading == Reading(Received.name) and one.must == "above"]
    if min(bounds, default=1) > even:
        return None
    return (
        f"on prompts of {np.mean([len(prompt) for prompt in prompts]):.0f} tokens the first one receives {even:.2f} of "
        f"attention that is spread evenly, and the rule asks for more than {min(bounds):g}. Give longer prompts, or a "
        f"higher bound, such as --rules {rule.name}:min_attention={min(0.9, round(even + 0.3, 1)):g}."
    )


def _profiles(results: Sequence[Result]) -> dict[tuple[str, str], Floats]:
    """(profile, place) -> [prompt, head]."""
    if not results:
        return {}
    read, places = results[0].meta["read"], results[0].meta["places"]
    return {
        (text, place): np.concatenate([result.arrays[f"values{number}"][:, at] for result in results], dtype=np.float64)
        for number, text in enumerate(read)
        for at, place in enumerate(places[number])
    }


def _estimate(readings: Readings, reading: Reading, head: int, level: float) -> Row:
    """The mean of a reading over prompts, with its interval; None of weights, which have none."""
    values = readings.of(reading)[:, head]
    if reading.source in readings.of_weights:
        return {"mean": float(values[0]), "interval": None}
    known = values[~np.isnan(values)]
    if not len(known):
        return {"mean": None, "interval": None}
    interval = t_interval(known, level=level).item().within(*readings.limits_of(reading))
    return {"mean": float(known.mean()), "interval": interval.as_json()}


def _of_rule(
    rule: RoleRule, reason: str | None, labels: Mapping[str, Sequence[RoleLabel]], in_circuit: set[str]
) -> Row:
    having = [head for head, own in labels.items() if any(label.role == rule.name for label in own)]
    return {
        "role": rule.name,
        "rule": part_as_text(rule),
        "what": rule.summary,
        "asks": [condition.text for condition in rule.conditions],
        "source": rule.source,
        "not_applied": reason,
        "heads": [head for head in having if head in in_circuit],
        "other_heads": [head for head in having if head not in in_circuit],
    }
