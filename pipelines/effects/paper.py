"""Direct and total effects as a table for papers."""

from __future__ import annotations

from pipelines.effects.report import EffectsReport
from pipelines.effects.table import COLUMNS
from pipelines.reporting.paper.facts import ablation, prompts
from pipelines.reporting.paper.table import PaperTable
from pipelines.reporting.tables import Column

_MOST = 20


def papers(report: EffectsReport) -> dict[str, PaperTable]:
    """`effects`: the parts with the largest total effects."""
    about = report.about
    same = {name: about[name] for name in ("task", "model", "metric", "ablation", "n_prompts", "solved")}
    part, *columns = COLUMNS
    table = PaperTable(
        title="Total, direct and indirect effects at the answer position",
        label=[part],
        columns=[column for column in columns if any(column.value(row) is not None for row in report.rows)],
        rows=[{**row, **same} for row in report.rows],
        conditions=[*map(Column, ("task", "model", "metric")), ablation(), prompts()],
        intervals="95 % t intervals over prompts",
        notes=[f"Metric: {about['clean']:.2f}, and {about['ablated']:.2f} with everything ablated."],
        most=_MOST,
        order="the largest total effects",
    )
    return {"effects": table}
