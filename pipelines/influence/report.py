"""Which texts use what was masked, from stored results."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from circuits.arrays import Floats
from circuits.evaluation.influence import group_auroc, influence
from circuits.intervals import Estimate, t_interval
from circuits.model.sources import find_model
from pipelines.influence.plan import InfluencePlan
from pipelines.influence.stages import losses_from
from pipelines.reporting.report import Format, Report
from pipelines.reporting.tables import Row


@dataclass(frozen=True, kw_only=True)
class InfluenceReport(Report):
    """Texts by their influence.

    about   the model; what was masked (`heads` and `edits`, with the profile that chose them, or `run`)
            and how many random sets stand beside it
    groups  one per group of texts: the mean of `influence` over its texts with a t interval; `auroc`, how well it tells
            them from the texts of all other groups, None where there are none; `random` has the mean and the range of
            both over the random sets
    rows    one per text, the most influenced first within each group: `rank` there, tokens that were predicted, mean
            `loss` and `masked_loss` in nats, `influence` with its t interval over blocks of tokens (None where
            unbounded), and `random`; `as_much` says how many random sets have at least that influence. Where the loss
            is 0, influence is None

    >>> from pathlib import Path
    >>> from pipelines import influence
    >>> twice, once = "Mary and John were near the store , " * 2, "Susan gave a drink to the garden near the station"
    >>> _ = Path("texts.txt").write_text(f"{twice}\\n\\n{once}")
    >>> report = influence("texts.txt", heads="induction:4", random=2)
    >>> report.about["heads"][:1], [group["group"] for group in report.groups]
    (['a1.h2'], ['all'])
    """

    format = Format("circuit-workbench-influence", 1)
    about: Row
    groups: tuple[Row, ...]
    rows: tuple[Row, ...]

    def content(self) -> dict[str, Any]:
        return {**self.about, "groups": list(self.groups), "texts": list(self.rows)}


def report(plan: InfluencePlan) -> InfluenceReport:
    """A row for every text, and one for every group."""
    store, settings = plan.store, plan.settings
    meta = store.read(plan.texts.key).meta
    losses = losses_from([store.read(job.key) for job in plan.measure])
    rows = [_row(*text) for text in zip(meta["names"], meta["groups"], losses, strict=True)]
    shares = np.array([_shares(own) for own in losses])
    groups = np.array(meta["groups"])
    names = list(dict.fromkeys(meta["groups"]))
    ranked: list[Row] = []
    for name in names:
        own = sorted((row for row in rows if row["group"] == name), key=_strength)
        ranked += [{**row, "rank": rank} for rank, row in enumerate(own, 1)]
    warnings = tuple(
        f"text {row['text']}: its loss is 0 before anything is masked, so that its influence is not defined."
        for row in rows
        if row["influence"] is None
    )
    if not losses[0].shape[0] > 2 and settings.random:
        warnings += ("no random set of other heads of the same layers exists: nothing says what chance gives.",)
    return InfluenceReport(
        folder=plan.folder,
        warnings=warnings,
        about=_about(plan, losses),
        groups=tuple(_group(name, shares[groups == name], shares[groups != name]) for name in names),
        rows=tuple(ranked),
    )


def _about(plan: InfluencePlan, losses: Sequence[Floats]) -> Row:
    settings = plan.settings
    about: dict[str, Any] = {
        "texts_file": settings.texts.name,
        "model": find_model(settings.model).name,
        "dtype": settings.dtype,
    }
    about |= {"n_texts": len(losses), "tokens": settings.tokens, "seed": settings.seed}
    about |= {"n_random": losses[0].shape[0] - 2, "run": plan.run, "heads": None, "edits": None, "profile": None}
    if plan.heads is None:
        return about
    chosen = plan.store.read(plan.heads.key).meta
    profile = None if plan.profile is None else dict(zip(("name", "task"), plan.profile, strict=True))
    if profile is not None:
        profile |= {"prompts": settings.profile_prompts, "means": chosen["means"]}
    return about | {"heads": chosen["heads"], "edits": list(settings.edits), "profile": profile}


def _row(name: str, group: str, losses: Floats) -> Row:
    """One text, from its losses [variant, token]: the plain model, what is masked, and the random sets."""
    shares = _shares(losses)
    row: dict[str, Any] = {"text": name, "group": group, "n_tokens": losses.shape[1]}
    row |= {"loss": float(losses[0].mean()), "masked_loss": float(losses[1].mean())}
    if np.isnan(shares[0]):
        return row | {"influence": None, "influence_interval": None, "random": None}
    return {**row, **_estimate("influence", influence(losses[0], losses[1])), "random": _spread(shares[1:], shares[0])}


def _shares(losses: Floats) -> Floats:
    """[1 + random set] influence of what is masked and of each random set; NaN where the loss is 0."""
    try:
        return np.array([influence(losses[0], masked).value for masked in losses[1:]])
    except ValueError:
        return np.full(len(losses) - 1, np.nan)


def _group(name: str, own: Floats, others: Floats) -> Row:
    """A group, from influences [text, 1 + random set] of its texts and of those of all other groups."""
    own, others = (each[~np.isnan(each[:, 0])] for each in (own, others))
    row: dict[str, Any] = {"group": name, "n_texts": len(own), "influence": None, "influence_interval": None}
    row |= {"random": None, "auroc": None, "auroc_interval": None, "random_auroc": None}
    if not len(own):
        return row
    means = own.mean(axis=0)
    row |= _estimate("influence", Estimate(float(means[0]), t_interval(own[:, 0]).item()))
    row |= {"random": _spread(means[1:], means[0])}
    if not len(others):
        return row
    areas = [group_auroc(inside, outside) for inside, outside in zip(own.T, others.T, strict=True)]
    random = _spread(np.array([area.value for area in areas[1:]]), areas[0].value)
    return {**row, **_estimate("auroc", areas[0]), "random_auroc": random}


def _estimate(name: str, estimate: Estimate) -> Row:
    return {name: estimate.value, f"{name}_interval": estimate.interval.as_json()}


def _spread(drawn: Floats, value: float) -> Row | None:
    """What the random sets give: mean, least and most, and how many give at least the value; None without any."""
    if not len(drawn):
        return None
    ends = [float(drawn.min()), float(drawn.max())]
    return {"n": len(drawn), "mean": float(drawn.mean()), "range": ends, "as_much": int((drawn >= value).sum())}


def _strength(row: Row) -> float:
    return np.inf if row["influence"] is None else -row["influence"]
