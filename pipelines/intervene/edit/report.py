"""What an edit does, from stored results."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from circuits.edits import edit_from
from pipelines.intervene.edit.plan import EditPlan
from pipelines.intervene.edit_stages import values_from
from pipelines.intervene.edited_jobs import described_prompts
from pipelines.intervene.effect_rows import effect_rows
from pipelines.reporting.report import Format, Report
from pipelines.reporting.tables import Row
from pipelines.runs.codec import prompts_from


@dataclass(frozen=True, kw_only=True)
class EditReport(Report):
    """What an edit of heads does to a task.

    settings  what was asked; `model` by its fingerprint too
    edits     each as it is written, with what it does in words
    rows      the plain model, the heads together, and each alone: `metric`, `accuracy` (an answer above every wrong
              one) and `top1` with 95 % intervals (t, Wilson), paired differences from the plain model, prompts that
              became wrong (`new_mistakes`) and right (`mended`), and `random`: the range over other heads of the layers

    >>> from pipelines import edit_heads
    >>> result = edit_heads("ioi", heads="a2.h1,a2.h3", edit="uniform END", prompts=4, random=2)
    >>> result.chance, result.edits[0]["edit"], result.content()["settings"]["task"]
    (0.5, 'uniform END', 'ioi')
    """

    format = Format("circuit-workbench-edit", 1)
    settings: Mapping[str, Any]
    edits: tuple[Row, ...]
    chance: float
    rows: tuple[Row, ...]

    def content(self) -> dict[str, Any]:
        return {
            "settings": dict(self.settings),
            "edits": list(self.edits),
            "chance": self.chance,
            "rows": list(self.rows),
            "warnings": list(self.warnings),
        }


def report(plan: EditPlan) -> EditReport:
    """What the stored results of a plan say."""
    results = [plan.store.read(job.key) for job in plan.slices]
    prompts, variants = prompts_from(plan.store.read(plan.first.prompts.key)), results[0].meta["variants"]
    rows = effect_rows(values_from(results), variants)
    asked = plan.settings
    settings = described_prompts(asked.run_config()) | {
        "model_fingerprint": plan.first.ran["model"],
        "heads": list(asked.heads),
        "edit": list(asked.edit),
        "random": asked.random,
        "n_prompts": len(prompts),
    }
    return EditReport(
        folder=plan.folder,
        warnings=(*prompts.warnings, *_of_random(rows, asked.random)),
        settings=settings,
        edits=tuple({"edit": text, "description": edit_from(text).description} for text in asked.edit),
        chance=prompts.chance,
        rows=tuple(rows),
    )


def _of_random(rows: list[Row], n: int) -> list[str]:
    """A warning where layers have no other heads to compare with."""
    lacking = [", ".join(row["heads"]) for row in rows if n and row["heads"] and not row["random"]["n"]]
    if not lacking:
        return []
    return [
        f"there is nothing to compare {'; '.join(lacking)} with: their layers have too few other heads. Edit fewer "
        "heads at once."
    ]
