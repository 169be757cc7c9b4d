"""Effects of edits of heads as tables for papers: of an edit, a repair and a remedy alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pipelines.intervene.effect_rows import short
from pipelines.reporting.paper.table import PaperTable
from pipelines.reporting.tables import Column, Row, measured

ACCURACY, ACCURACY_DIFFERENCE, TOP1, METRIC = (
    measured(name, interval=f"{name}_interval") for name in ("accuracy", "accuracy_difference", "top1", "metric")
)
DIFFERENCE = measured("metric_difference", "difference", interval="difference_interval")
OF_PROMPTS = (measured("n_prompts"), measured("chance"))
_COUNTS = (measured("new_mistakes"), measured("mended"))
_OTHERS = (
    Column("other heads, change of the metric", "random.difference.mean", "+.2f", "random.difference.range"),
    Column("other heads, accuracy", "random.accuracy.mean", ".1%", "random.accuracy.range"),
)


def same_in_all(settings: Mapping[str, Any], n_prompts: int, chance: float) -> dict[str, Any]:
    """What all rows have in common: the task, the model, the metric and the prompts."""
    same = {name: short(str(settings[name])) for name in ("task", "model")}
    return {**same, "metric_name": settings["metric"], "n_prompts": n_prompts, "chance": chance}


def effects_table(
    title: str,
    rows: Sequence[Row],
    settings: Mapping[str, Any],
    n_prompts: int,
    *,
    chance: float,
    edit: str,
    heads: Callable[[Row], str] | None = None,
    more: Sequence[Column] = (),
    notes: Sequence[str] = (),
) -> PaperTable:
    """A row per set of edited heads, the plain model first.

    edit   what is done to heads, in words
    heads  row -> which heads are edited; by default all of them by name
    more   columns behind the names of the heads
    """
    same = same_in_all(settings, n_prompts, chance)
    plain, *edited = [{**row, **same} for row in rows]
    # Nothing changes without an edit, and no other heads go with it.
    known = [{**plain, **dict.fromkeys(("difference", "new_mistakes", "mended"))}, *edited]
    columns = [*more, ACCURACY, DIFFERENCE, *_COUNTS, *_OTHERS]
    has_others = any(column.value(row) is not None for row in known for column in _OTHERS)
    others = ["Other heads: the same edit on other heads of the same layers, mean and, in brackets, range."]
    return PaperTable(
        title=title,
        label=[Column("heads edited", cell=heads or _by_name)],
        columns=[column for column in columns if any(column.value(row) is not None for row in known)],
        rows=known,
        conditions=[*map(Column, ("task", "model")), Column("metric", "metric_name"), *OF_PROMPTS],
        intervals="95 % intervals over prompts, Wilson's of shares, t of the paired change",
        notes=[f"Edit: {edit}.", *(others if has_others else []), *notes],
        has_best=False,
    )


def _by_name(row: Row) -> str:
    return ", ".join(row["heads"]) or "none"
