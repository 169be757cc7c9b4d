"""How few directions heads need, from stored results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from circuits.evaluation.rank_curve import rank_effect
from circuits.intervals import Estimate
from pipelines.intervene.edit_stages import values_from
from pipelines.intervene.edited_jobs import described_prompts
from pipelines.intervene.rank.plan import RankPlan
from pipelines.reporting.report import Format, Report
from pipelines.reporting.tables import Row
from pipelines.runs.codec import prompts_from


@dataclass(frozen=True, kw_only=True)
class RankReport(Report):
    """The curve of kept performance over the number of directions.

    settings  what was asked
    plain     the metric and the accuracy of the plain model
    rows      one per number of directions `rank`: `metric`, `change` (from the plain model, paired), `kept` (the share
              of what is lost without any direction that is not lost), `accuracy` and `accuracy_change`, with 95 %
              intervals (t; Wilson's of accuracy); `variance` (the share that the directions hold of the other half's
              queries, keys and values, mean over heads) by side; and `random`, mean and range of `kept` and `change`
              over random directions. Each prompt is judged with directions of the half that it is not in

    >>> from pipelines import rank_curve
    >>> curve = rank_curve("ioi", heads="a2.h1", ranks="0,2", prompts=8, random=0)
    >>> sorted(curve.plain)[:2], round(curve.rows[-1]["kept"], 3)
    (['accuracy', 'accuracy_interval'], 1.0)
    """

    format = Format("circuit-workbench-rank", 1)
    settings: Mapping[str, Any]
    plain: Row
    chance: float
    rows: tuple[Row, ...]

    def content(self) -> dict[str, Any]:
        return {
            "settings": dict(self.settings),
            "plain": dict(self.plain),
            "chance": self.chance,
            "ranks": list(self.rows),
            "warnings": list(self.warnings),
        }


def report(plan: RankPlan) -> RankReport:
    """What the stored results of a plan say."""
    asked, fitted = plan.settings, plan.store.read(plan.fitted.key)
    results, prompts = (
        [plan.store.read(job.key) for job in plan.slices],
        prompts_from(plan.store.read(plan.first.prompts.key)),
    )
    values, variants = values_from(results), results[0].meta["variants"]
    none = 1 + variants.index([0, None])
    effects = [rank_effect(values, 1 + number, none) for number in range(len(variants))]
    sides = [side for _ in asked.heads for side in asked.sides]
    rows = []
    for at, rank in enumerate(fitted.meta["ranks"]):
        own = effects[variants.index([rank, None])]
        held = fitted.arrays["variance"][:, :, at].mean(axis=0)
        variance = {side: _mean([float(held[n]) for n, of in enumerate(sides) if of == side]) for side in asked.sides}
        drawn = [effects[n] for n, (of, draw) in enumerate(variants) if of == rank and draw is not None]
        rows.append(
            {
                "rank": rank,
                **_estimates({"metric": own.metric, "change": own.change, "kept": own.kept}),
                "accuracy": own.accuracy.value,
                "accuracy_interval": own.accuracy.interval().as_json(),
                **_estimates({"accuracy_change": own.accuracy_change}),
                "variance": variance,
                "random": {
                    "n": len(drawn),
                    "kept": _range([effect.kept.value for effect in drawn]),
                    "change": _range([effect.change.value for effect in drawn]),
                },
            }
        )
    plain = rank_effect(values, 0, none)
    about = _estimates({"metric": plain.metric}) | {
        "accuracy": plain.accuracy.value,
        "accuracy_interval": plain.accuracy.interval().as_json(),
    }
    settings = described_prompts(asked.run_config()) | {
        "model_fingerprint": plan.first.ran["model"],
        "n_prompts": len(prompts),
        **{name: getattr(asked, name) for name in ("heads", "query", "key", "sides", "random")},
    }
    return RankReport(
        folder=plan.folder,
        warnings=(*prompts.warnings, *_of_loss(rows)),
        settings=settings,
        plain=about,
        chance=prompts.chance,
        rows=tuple(rows),
    )


def _estimates(named: Mapping[str, Estimate]) -> dict[str, Any]:
    values: dict[str, Any] = {name: estimate.value for name, estimate in named.items()}
    return values | {f"{name}_interval": estimate.interval.as_json() for name, estimate in named.items()}


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _range(values: Sequence[float]) -> Row | None:
    """Mean, least and largest; None of nothing."""
    return {"mean": _mean(values), "range": [min(values), max(values)]} if values else None


def _of_loss(rows: Sequence[Row]) -> list[str]:
    """A warning where nothing is lost without any direction, so that nothing can be kept."""
    least = rows[0]
    if least["kept_interval"] is not None or least["change_interval"] is None:
        return []
    return [
        "without any direction (rank 0) the metric changes by "
        f"{least['change']:+z.2f}, which may be 0: what is kept of it says nothing. Take heads that matter here."
    ]
