"""What a concept does by its strength, from stored results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from circuits.evaluation.concept_curve import ConceptEffect, concept_effect
from circuits.intervals import Estimate
from pipelines.engine.result_file import Result
from pipelines.intervene.concept.generated import generated_rows, texts_of
from pipelines.intervene.concept.plan import ConceptPlan
from pipelines.intervene.edit_stages import values_from
from pipelines.intervene.edited_jobs import described_prompts
from pipelines.reporting.report import Format, Report
from pipelines.reporting.tables import Row
from pipelines.runs.codec import prompts_from

# Below this cosine, the two halves of the prompts hardly make the same vector.
_SAME_DIRECTION = 0.5


@dataclass(frozen=True, kw_only=True)
class ConceptReport(Report):
    """The dose-response curve of a concept.

    settings  what was asked
    plain     the metric and the accuracy of the plain model
    vector    `norm` (mean of the two halves' vectors), `stream_norm` (mean norm of the stream where they are added) and
              `cosine` between the halves' vectors (None of two other sets of prompts, which make one vector)
    rows      one per strength: `metric`, `change` (from the plain model, paired), `accuracy` and `accuracy_change`,
              with 95 % intervals (t; Wilson's of accuracy); `random`, mean and range of `change` and `accuracy` over
              random vectors of the same norm and strength; and `beyond_random`, the change minus their mean, with its
              interval over prompts. Each prompt is judged with a vector that it did not make
    generated what is said after the prompts, by strength (`pipelines.intervene.concept.generated`); empty without
    texts     of the first prompts, what is said after them

    >>> from pipelines import add_concept
    >>> curve = add_concept("ioi", layer=2, at="END", strengths=(-1, 1), prompts=8, random=2)
    >>> sorted(curve.vector), curve.content()["settings"]["layer"]
    (['cosine', 'norm', 'stream_norm'], 2)
    """

    format = Format("circuit-workbench-concept", 1)
    settings: Mapping[str, Any]
    plain: Row
    vector: Row
    chance: float
    rows: tuple[Row, ...]
    generated: tuple[Row, ...]
    texts: tuple[Row, ...]

    def content(self) -> dict[str, Any]:
        return {
            "settings": dict(self.settings),
            "plain": dict(self.plain),
            "vector": dict(self.vector),
            "chance": self.chance,
            "strengths": list(self.rows),
            "generated": list(self.generated),
            "texts": list(self.texts),
            "warnings": list(self.warnings),
        }


def report(plan: ConceptPlan) -> ConceptReport:
    """What the stored results of a plan say."""
    asked, fitted = plan.settings, plan.store.read(plan.fitted.key)
    results = [plan.store.read(job.key) for job in plan.slices]
    prompts = prompts_from(plan.store.read(plan.first.prompts.key))
    values, variants = values_from(results), results[0].meta["variants"]
    rows = []
    for strength in asked.strengths:
        drawn = [1 + at for at, (of, draw) in enumerate(variants) if of == strength and draw is not None]
        rows.append(_row(strength, concept_effect(values, 1 + variants.index([strength, None]), drawn)))
    said = [plan.store.read(job.key) for job in plan.said]
    own = ("layer", "at", "strengths", "concept", "baseline", "random", "generate")
    settings = described_prompts(asked.run_config()) | {
        "model_fingerprint": plan.first.ran["model"],
        "n_prompts": len(prompts),
        "read": asked.read_at,
        **{name: getattr(asked, name) for name in own if getattr(asked, name) is not None},
    }
    vector = {
        "norm": float(np.linalg.norm(fitted.arrays["vector"], axis=1).mean()),
        "stream_norm": fitted.meta["stream_norm"],
        "cosine": fitted.meta["cosine"],
    }
    return ConceptReport(
        folder=plan.folder,
        warnings=(*prompts.warnings, *_of_vector(fitted), *_of_random(rows)),
        settings=settings,
        plain=_of_prompts(concept_effect(values, 0)),
        vector=vector,
        chance=prompts.chance,
        rows=tuple(rows),
        generated=generated_rows(said, prompts, asked.strengths),
        texts=texts_of(said),
    )


def _row(strength: float, effect: ConceptEffect) -> Row:
    beyond = effect.beyond_random
    return {
        "strength": strength,
        **_of_prompts(effect),
        **_estimates({"change": effect.change, "accuracy_change": effect.accuracy_change}),
        **({"beyond_random": None, "beyond_random_interval": None} if beyond is None else {}),
        **({} if beyond is None else _estimates({"beyond_random": beyond})),
        "random": {
            "n": len(effect.random_change),
            "change": _range(effect.random_change),
            "accuracy": _range(effect.random_accuracy),
        },
    }


def _of_prompts(effect: ConceptEffect) -> Row:
    return _estimates({"metric": effect.metric}) | {
        "accuracy": effect.accuracy.value,
        "accuracy_interval": effect.accuracy.interval().as_json(),
    }


def _estimates(named: Mapping[str, Estimate]) -> dict[str, Any]:
    values: dict[str, Any] = {name: estimate.value for name, estimate in named.items()}
    return values | {f"{name}_interval": estimate.interval.as_json() for name, estimate in named.items()}


def _range(values: Sequence[float]) -> Row | None:
    """Mean, least and largest; None of nothing."""
    return {"mean": sum(values) / len(values), "range": [min(values), max(values)]} if values else None


def _of_vector(fitted: Result) -> list[str]:
    """Warnings where the vectors of the halves differ, and where prompts are in both."""
    cosine, shared, said = fitted.meta["cosine"], fitted.meta["shared"], []
    if cosine is not None and cosine < _SAME_DIRECTION:
        said.append(
            f"the two halves of the prompts make different vectors (cosine {cosine:z.2f}): the concept is not one "
            "direction here, or there are too few prompts."
        )
    if shared:
        said.append(
            f"{shared} prompts are also in the half that made the vector they are judged with, clean or corrupt."
        )
    return said


def _of_random(rows: Sequence[Row]) -> list[str]:
    """A warning where no strength does anything that random vectors of the same norm do not."""
    ends = [row["beyond_random_interval"] for row in rows if row["strength"] and row["random"]["n"]]
    if not ends or any(own is not None and (own[0] > 0 or own[1] < 0) for own in ends):
        return []
    return ["at no strength is the change surely other than that of random vectors of the same norm."]
