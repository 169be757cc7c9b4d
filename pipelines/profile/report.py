"""What profiles say of every head, from stored results."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from circuits.arrays import Floats
from circuits.components import Component
from circuits.intervals import Share, t_interval
from circuits.profiles import Profile
from circuits.solved import dropped
from pipelines.profile.given import as_text
from pipelines.profile.plan import ProfilePlan
from pipelines.reporting.report import Format, Report
from pipelines.reporting.tables import Row
from pipelines.runs.codec import prompts_from
from pipelines.runs.first_jobs import task_name


@dataclass(frozen=True, kw_only=True)
class ProfileReport(Report):
    """Every head on the prompts of a task.

    about     the task, the model, how many prompts
    profiles  one per profile and place: what it counts, and the mean over all heads
    rows      one per profile, place and head: the mean over the prompts in which it was measured, with its 95 %
              interval (t; Wilson's of shares of prompts); None where no prompt has the place, and where it is unbounded
    """

    format = Format("circuit-workbench-profiles", 1)
    about: Row
    profiles: tuple[Row, ...]
    rows: tuple[Row, ...]

    def content(self) -> dict[str, Any]:
        return {**self.about, "profiles": list(self.profiles), "heads": list(self.rows)}


def report(plan: ProfilePlan) -> ProfileReport:
    """A row for every profile, place and head."""
    store, settings = plan.store, plan.settings
    checked = store.read(plan.checked.key).meta
    results = [store.read(job.key) for job in plan.measure]
    values, measured = (np.concatenate([result.arrays[name] for result in results]) for name in ("values", "measured"))
    values = np.where(measured, values.astype(np.float64), np.nan)
    heads = [f"{Component('head', *divmod(n, checked['n_heads']))}" for n in range(values.shape[-1])]
    profiles, rows, at = [], [], 0
    for profile, places in zip(plan.profiles, checked["places"], strict=True):
        for place in places:
            of_heads = values[:, at]
            known = ~np.isnan(of_heads[:, 0])
            about = {"profile": as_text(profile), "place": place, "unit": profile.unit}
            over_heads = _mean(of_heads[known].mean(axis=1)) if known.any() else _NOTHING
            more = {"settings": dict(profile.settings), "is_share_of_prompts": profile.counts}
            more |= {"summary": profile.summary, "n_prompts": int(known.sum())}
            profiles.append({**about, **more, **over_heads})
            for number, head in enumerate(heads):
                of_head = of_heads[known, number]
                rows.append({**about, "head": head, **_of_head(of_head, profile)})
            at += 1
    prompts = prompts_from(store.read(plan.first.prompts.key))
    about = {
        "task": task_name(settings),
        "model": settings.model,
        "dtype": settings.dtype,
        "n_prompts": len(prompts),
        "solved": dropped(prompts.solved),
        "n_layers": checked["n_layers"],
        "n_heads": checked["n_heads"],
    }
    return ProfileReport(folder=plan.folder, about=about, profiles=tuple(profiles), rows=tuple(rows))


_NOTHING: Row = {"mean": None, "interval": None}


def _of_head(per_prompt: Floats, profile: Profile) -> Row:
    """The mean of a head over prompts, with its interval: t, or Wilson's of a share of prompts."""
    if not len(per_prompt):
        return _NOTHING
    if profile.counts:
        share = Share(int(per_prompt.sum()), len(per_prompt))
        return {"mean": share.value, "interval": share.interval().as_json()}
    return _mean(per_prompt)


def _mean(per_prompt: Floats) -> Row:
    return {"mean": float(per_prompt.mean()), "interval": t_interval(per_prompt).item().as_json()}
