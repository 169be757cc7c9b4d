"""What profiles say of every head, from stored results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from circuits.arrays import Floats
from circuits.components import Component
from circuits.data.prompts import PromptSet
from circuits.intervals import Share, t_interval
from circuits.profiles import Profile
from circuits.profiles.contrast import difference
from circuits.solved import dropped
from pipelines.engine.result_file import Result
from pipelines.profile.given import as_text
from pipelines.profile.plan import ProfilePlan
from pipelines.reporting.report import Format, Report
from pipelines.reporting.tables import Row
from pipelines.runs.asked_model import model_asked
from pipelines.runs.codec import prompts_from
from pipelines.runs.first_jobs import task_name


@dataclass(frozen=True, kw_only=True)
class ProfileReport(Report):
    """Every head on the prompts of a task.

    about     the task, the model, how many prompts; no task and 0 where weights alone were read
    profiles  one per profile and place: what it counts, and the mean over all heads; 0 prompts where weights were read.
              `note` says what has to be known beside the numbers, such as how many queries see a sink, else None
    rows      one per profile, place and `head`: the mean over the prompts in which it was measured, with its 95 %
              interval (t, cut where the profile can be no less or no more; Wilson's of shares of prompts); None where
              no prompt has the place, or it is unbounded. A
              profile that splits a sum has rows of MLPs (`m3`), the embedding (`input`) and the `biases` too, one of
              the stream those of its states (`r3`, which enters layer 3) alone.
              `A - B` in the place of places: the difference that `contrast` asks for, its interval by bootstrap
    layers    one per profile of heads, place and `layer`: the mean over its heads, with its 95 % t interval over the
              prompts in which all of them were measured

    >>> from pipelines import profile
    >>> report = profile("induction", profiles="induction", prompts=4)
    >>> report.about["task"], [entry["profile"] for entry in report.profiles], len(report.rows), len(report.layers)
    ('induction', ['induction'], 16, 4)
    """

    format = Format("circuit-workbench-profiles", 1)
    about: Row
    profiles: tuple[Row, ...]
    rows: tuple[Row, ...]
    layers: tuple[Row, ...]

    def content(self) -> dict[str, Any]:
        lists = {"profiles": self.profiles, "heads": self.rows, "layers": self.layers}
        return {**self.about, **{name: list(rows) for name, rows in lists.items()}}


def report(plan: ProfilePlan) -> ProfileReport:
    """A row for every profile, place and head: first the profiles of prompts, then those of weights."""
    store, settings = plan.store, plan.settings
    profiles: list[Row] = []
    rows: list[Row] = []
    layers: list[Row] = []
    added = profiles, rows, layers
    prompts = None if plan.first is None else prompts_from(store.read(plan.first.prompts.key))
    weighed = [store.read(job.key) for job in plan.weigh]
    checked = weighed[0].meta if plan.checked is None else store.read(plan.checked.key).meta
    if plan.of_prompts:
        measured = [store.read(job.key) for job in plan.measure]
        _add(*added, plan.of_prompts, checked, measured, prompts, settings.contrast)
    for result in weighed:
        _add(*added, plan.of_weights, result.meta, [result])
    about = {
        "task": task_name(settings) if settings.task else None,
        "model": model_asked(settings),
        "dtype": settings.dtype,
        "n_prompts": 0 if prompts is None else len(prompts),
        "solved": None if prompts is None else dropped(prompts.solved),
        "n_layers": checked["n_layers"],
        "n_heads": checked["n_heads"],
    }
    return ProfileReport(
        folder=plan.folder, about=about, profiles=tuple(profiles), rows=tuple(rows), layers=tuple(layers)
    )


def _add(
    profiles: list[Row],
    rows: list[Row],
    layers: list[Row],
    measured_together: Sequence[Profile],
    shape: Mapping[str, Any],
    results: Sequence[Result],
    prompts: PromptSet | None = None,
    contrasted: Sequence[str] = (),
) -> None:
    """The rows of profiles that were measured together.

    shape       places and components of each
    prompts     None where weights were read
    contrasted  two places whose difference is asked for as well
    """
    for number, profile in enumerate(measured_together):
        values, measured = (
            np.concatenate([result.arrays[f"{name}{number}"] for result in results]) for name in ("values", "measured")
        )
        values = np.where(measured, values.astype(np.float64), np.nan)
        names, places = shape["components"][number], shape["places"][number]
        parts = list(map(Component.parse, names))
        is_head = np.array([part.is_head for part in parts])
        of_layer = np.array([part.layer if part.is_head else -1 for part in parts])
        note = None if prompts is None else profile.note(prompts) or None
        more = {"settings": dict(profile.settings), "is_share_of_prompts": profile.counts}
        more |= {"summary": profile.summary, "note": note}
        for at, place in enumerate(places):
            known = ~np.isnan(values[:, at])  # [prompt, part]
            about = {"profile": as_text(profile), "place": place, "unit": profile.unit}
            of_heads = values[known.all(axis=1), at][:, is_head]
            over_heads = _mean(of_heads.mean(axis=1), profile) if of_heads.size else _NOTHING
            n_prompts = 0 if prompts is None else int(known.any(axis=1).sum())
            profiles.append({**about, **more, "n_prompts": n_prompts, **over_heads})
            for part, name in enumerate(names):
                rows.append({**about, "head": name, **_of_part(values[known[:, part], at, part], profile)})
            for layer in np.unique(of_layer[is_head]):
                own = of_layer == layer
                of_own = values[known[:, own].all(axis=1), at][:, own]
                over_own = _mean(of_own.mean(axis=1), profile) if len(of_own) else _NOTHING
                layers.append({**about, "layer": int(layer), **over_own})
        if contrasted and set(contrasted) <= set(places):
            about = {"profile": as_text(profile), "place": " - ".join(contrasted), "unit": profile.unit}
            at_both = [values[:, places.index(place)] for place in contrasted]
            differences = _differences(*at_both)
            more |= {"summary": f"difference of {profile.summary}"}
            n_prompts = int((~np.isnan(at_both)).any(axis=(0, 2)).sum())
            profiles.append({**about, **more, "n_prompts": n_prompts, **_NOTHING})
            rows += [{**about, "head": name, **of} for name, of in zip(names, differences, strict=True)]


def _differences(values: Floats, others: Floats) -> list[Row]:
    """The difference [part] of the means of values [prompt, part] at two places, with its interval."""
    found, interval = difference(values, others)
    return [
        _NOTHING if np.isnan(mean) else {"mean": float(mean), "interval": interval.item(part).as_json()}
        for part, mean in enumerate(found)
    ]


_NOTHING: Row = {"mean": None, "interval": None}


def _of_part(per_prompt: Floats, profile: Profile) -> Row:
    """The mean of a head or another part over prompts, with its interval: t, or Wilson's of a share of prompts."""
    if not len(per_prompt):
        return _NOTHING
    if profile.counts:
        share = Share(int(per_prompt.sum()), len(per_prompt))
        return {"mean": share.value, "interval": share.interval().as_json()}
    return _mean(per_prompt, profile)


def _mean(per_prompt: Floats, profile: Profile) -> Row:
    interval = t_interval(per_prompt).item().within(*profile.limits)
    return {"mean": float(per_prompt.mean()), "interval": interval.as_json()}
