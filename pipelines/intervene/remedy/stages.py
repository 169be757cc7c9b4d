"""What the jobs of a remedy compute: what heads are ranked by, sets that are tried, and the judgement of these."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from circuits.metrics import METRICS
from pipelines.engine.result_file import Result
from pipelines.engine.stage import Inputs, LoadModel, Stage
from pipelines.intervene.edit_stages import RANDOM, values_from
from pipelines.runs.codec import join_prompts, prompts_from
from pipelines.runs.method_settings import made_of
from pipelines.runs.stage_inputs import slice_of

if TYPE_CHECKING:
    from circuits.arrays import Floats
    from circuits.data.prompts import PromptSet
    from circuits.edits import Edit, Edits
    from circuits.evaluation.edit_effects import EditValues
    from circuits.model.load import Model
    from circuits.remedies import Remedy

SET, ALL = "set", "all"
ESTIMATE = "estimate"
# Of a metric, relative, in float32: a run that begins at a later layer rounds otherwise than a whole one.
_ROUNDING = 1e-5


def remedy_of(settings: Mapping[str, Any]) -> Remedy:
    """The remedy of a job."""
    from circuits.remedies import REMEDIES

    asked = settings["remedy"]
    return made_of(REMEDIES[asked["name"]], asked["settings"], f"remedy {asked['name']!r}")


def gains(values: EditValues, by: str) -> Floats:
    """[variant, prompt] what each variant gains over the plain model; of the metric, 0 where it may be rounding."""
    if by == "accuracy":
        return values.is_correct[1:].astype(np.float64) - values.is_correct[0]
    change = values.metric[1:] - values.metric[0]
    return np.where(np.abs(change) <= _ROUNDING * np.maximum(1, np.abs(values.metric[0])), 0, change)


def check(settings: Mapping[str, Any], inputs: Inputs, model: LoadModel) -> Result:
    """Whether the heads can be edited, at every strength and on every prompt; and what a reader has to know."""
    from circuits.edits.check import checked

    loaded, prompts, remedy = model(), prompts_from(inputs["prompts"][0]), remedy_of(settings)
    heads = remedy.candidates(loaded.wiring)
    remedy.check(loaded, prompts)
    for edits in _every_edit(remedy):
        checked(loaded, dict.fromkeys(heads, edits), prompts)
    return Result({"heads": heads, "warnings": list(remedy.warnings(loaded, prompts))})


def require_ranked(settings: Mapping[str, Any], prompts: PromptSet) -> None:
    """Raise a ValueError where prompts lack what heads are ranked by, or what an edit of them names."""
    from circuits.edits.check import require_places

    remedy = remedy_of(settings)
    remedy.check_prompts(prompts)
    for edits in _every_edit(remedy):
        for edit in edits:
            require_places(edit, prompts)


def _every_edit(remedy: Remedy) -> list[tuple[Edit, ...]]:
    """What is done to a head, at every strength that is tried."""
    strengths = dict.fromkeys(one for probe, more in remedy.probes.items() for one in (probe, *more))
    return [remedy.edits(strength) for strength in strengths]


def find(settings: Mapping[str, Any], inputs: Inputs, model: LoadModel) -> Result:
    """On a slice of the prompts that choose: what heads are ranked by, `measured` [head, number, prompt]; or each head
    alone at each probe, values [probe x head, prompt] after the plain model, or `estimated` ones without it."""
    from circuits.evaluation.edit_estimates import estimated_changes

    loaded, prompts, remedy = model(), slice_of(settings, inputs), remedy_of(settings)
    if remedy.is_ranked:
        return Result({}, {"measured": remedy.measure(loaded, prompts).transpose(1, 2, 0)})
    heads = inputs["check"][0].meta["heads"]
    if settings["find"] == ESTIMATE:
        edits, metric = [remedy.edits(probe) for probe in remedy.probes], METRICS[settings["metric"]]
        return Result(
            {}, {"estimated": np.concatenate(estimated_changes(loaded, prompts, heads, edits, metric=metric))}
        )
    tried = [{head: remedy.edits(probe)} for probe in remedy.probes for head in heads]
    return Result({}, _values(loaded, prompts, tried, settings)._asdict())


def choose(settings: Mapping[str, Any], inputs: Inputs, model: LoadModel) -> Result:
    """Sets of heads, with strengths, on the prompts that choose; `chosen` is the best one's number, None of a curve."""
    from circuits.remedies.base import ALONE
    from circuits.remedies.choice import Tried, best, groups, to_try

    loaded, prompts, remedy = model(), prompts_from(inputs["prompts"][0]), remedy_of(settings)
    heads, meta = inputs["check"][0].meta["heads"], {}
    if remedy.is_ranked:
        measured = join_prompts(inputs["found"], "measured").transpose(2, 0, 1)
        tried = [Tried(own, ALONE) for own in remedy.sets(measured, heads, settings["sizes"])]
        means = np.nan_to_num(np.nanmean(measured[..., 0], axis=0))
        meta = {"ranked_by": {head: float(value) for head, value in zip(heads, means, strict=True)}}
    else:
        is_exact = settings["find"] != ESTIMATE
        change = (
            gains(values_from(inputs["found"]), settings["gain"])
            if is_exact
            else join_prompts(inputs["found"], "estimated")
        )
        by_probe = dict(zip(remedy.probes, change.reshape(len(remedy.probes), len(heads), -1), strict=True))
        found = groups(heads, by_probe)
        tried = to_try(found, remedy.probes[found.probe], settings["sizes"])
        helped = [{"strength": probe, "n_helped": n, "n": len(heads)} for probe, n in found.helped.items()]
        means = dict(zip(heads, by_probe[found.probe].mean(axis=1).tolist(), strict=True))
        meta = {"helped": helped, "probe": found.probe, "alone": {head: means[head] for head in found.ranked}}
    values = _values(loaded, prompts, [_edits(remedy, *one) for one in tried], settings)
    chosen = best(tried, gains(values, settings["gain"])) if remedy.hopes else None
    listed = [{"heads": list(heads), "strength": strength} for heads, strength in tried]
    return Result({"tried": listed, "chosen": chosen, **meta}, values._asdict())


def judge(settings: Mapping[str, Any], inputs: Inputs, model: LoadModel) -> Result:
    """The chosen set, the others of its strength, and all heads, on a slice of the prompts that judge.

    Each set is followed by sets with as many heads of each layer; of a larger part of a layer, some are in both.
    """
    from circuits.edits.controls import matched_sets

    loaded, remedy, tried = model(), remedy_of(settings), inputs["chosen"][0].meta
    strength = tried["tried"][tried["chosen"] or 0]["strength"]
    variants: list[dict[str, Any]] = []
    for own in tried["tried"]:
        if own["strength"] != strength:
            continue
        number, heads = len(variants), own["heads"]
        variants.append({"sort": SET, "heads": heads, "of": None})
        drawn = matched_sets(loaded.wiring, heads, n=settings["random"], seed=settings["seed"], may_share=True)
        variants += [{"sort": RANDOM, "heads": list(others), "of": number} for others in drawn]
    every = inputs["check"][0].meta["heads"]
    if all(set(own["heads"]) != set(every) for own in variants):
        variants.append({"sort": ALL, "heads": every, "of": None})
    edits = [_edits(remedy, own["heads"], strength) for own in variants]
    values = _values(loaded, slice_of(settings, inputs), edits, settings)
    return Result({"variants": variants, "strength": strength}, values._asdict())


def _edits(remedy: Remedy, heads: Sequence[str], strength: float) -> Edits:
    return dict.fromkeys(heads, remedy.edits(strength))


def _values(loaded: Model, prompts: PromptSet, variants: Sequence[Edits], settings: Mapping[str, Any]) -> EditValues:
    from circuits.evaluation.edit_effects import edit_values

    return edit_values(loaded, prompts, variants, metric=METRICS[settings["metric"]])


CHECK = Stage("remedy-check", 1, check, title="check remedy", requires=require_ranked)
FIND = Stage("remedy-find", 1, find, title="heads alone")
CHOOSE = Stage("remedy-choose", 1, choose, title="choose heads")
JUDGE = Stage("remedy-judge", 1, judge, title="judge")
