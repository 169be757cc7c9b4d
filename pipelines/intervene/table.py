"""An intervention as tables for reading."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from pipelines.engine.progress import duration
from pipelines.reporting.tables import ends_text

if TYPE_CHECKING:
    from pipelines.intervene.report import Intervention


def print_intervention(intervention: Intervention) -> None:
    """Answers by variant and sort of negatives, captions, times, and where everything is saved."""
    console, settings = Console(markup=False, highlight=False), intervention.settings
    for part, strength in (("attention", "lambda_attention"), ("mlp", "lambda_mlp")):
        read, changed = (_layers(settings[name].get(part, [])) for name in ("read", "changed"))
        console.print(f"{part}: lambda {settings[strength]:g}, from layers {read} into {changed}", soft_wrap=True)
    _print_answers(console, intervention)
    if intervention.captions:
        table = Table(title="captions (CHAIR)", title_justify="left")
        for column in ("variant", "n", "sentence", "instance", "recall"):
            table.add_column(column)
        for row in intervention.captions:
            cells = [_with_interval(row, name) for name in ("sentence", "instance", "recall")]
            table.add_row(row["variant"], str(row["n"]), *cells)
        console.print(table)
    if intervention.times:
        table = Table(title="time, medians", title_justify="left")
        for column in ("variant", "first token", "per token", "times plain"):
            table.add_column(column)
        for row in intervention.times:
            first, each = (f"{1000 * row[name]:.1f} ms" for name in ("first_s", "per_token_s"))
            table.add_row(row["variant"], first, each, f"{row['per_token_ratio']:.3f}")
        console.print(table)
    for name, why in intervention.dropped.items():
        console.print(f"left out: {name}, {why}", soft_wrap=True)
    spent = (
        f"{intervention.n_computed} of {intervention.n_jobs} jobs computed"
        if intervention.n_computed
        else "nothing new to compute"
    )
    console.print(f"{spent}, {duration(intervention.seconds)}. Kept in {intervention.folder}", soft_wrap=True)


def _print_answers(console: Console, intervention: Intervention) -> None:
    """A row per variant, a column per sort of negatives: the plain accuracy, and the others' differences from it."""
    sorts = list(dict.fromkeys(row["negatives"] for row in intervention.rows))
    n = intervention.rows[0]["n"]
    title = f"accuracy in %, and accuracy minus plain, by sort of negatives ({n} questions each)"
    table = Table(title=title, title_justify="left")
    for column in ("", *sorts, f"yes, {sorts[-1]}"):
        table.add_column(column)
    for variant in dict.fromkeys(row["variant"] for row in intervention.rows):
        rows = [row for row in intervention.rows if row["variant"] == variant]
        is_plain = variant == "plain"
        cells = [
            _with_interval(row, "accuracy" if is_plain else "difference", sign="" if is_plain else "+") for row in rows
        ]
        table.add_row(variant, *cells, f"{rows[-1]['yes_ratio']:.1%}")
    console.print(table)
    console.print(
        "In brackets: 95 % intervals, Wilson's of accuracy and captions, t over images of differences.", soft_wrap=True
    )
    if (threshold := intervention.settings["threshold"]) is not None:
        console.print(
            f"threshold: yes where its logit exceeds that of no by more than {threshold:.2f}, chosen "
            "on the validation questions; an intervention has to do better.",
            soft_wrap=True,
        )


def _layers(layers: list[int]) -> str:
    return ", ".join(map(str, layers)) or "none"


def _with_interval(row: Mapping[str, Any], name: str, *, sign: str = "") -> str:
    value, *ends = (None if row[key] is None else 100 * row[key] for key in (name, f"{name}_low", f"{name}_high"))
    return f"{value:{sign}.1f} {ends_text(ends, f'{sign}.1f')}"
