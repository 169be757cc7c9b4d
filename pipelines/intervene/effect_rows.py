"""Effects of edits as rows of plain values, and how tables show them."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from circuits.evaluation.edit_effects import EditValues, edit_effect
from circuits.intervals import Estimate, Share
from circuits.numbers import number_text
from circuits.quantities import QUANTITIES
from pipelines.intervene.edit_stages import RANDOM
from pipelines.reporting.tables import DASH, Column, Row, brackets, measured, value_at
from pipelines.runs.settings import PROMPT_ENDINGS

PLAIN = "plain"
_RANGED = ("metric", "difference", "accuracy", "top1", "new_mistakes", "mended")


def effect_rows(values: EditValues, variants: Sequence[Mapping[str, Any]]) -> list[Row]:
    """One row for the plain model and one for each set of heads; `random` has the mean and range of its random sets."""
    rows: list[Row] = [_row(values, 0, PLAIN, [])]
    for number, variant in enumerate(variants):
        if variant["sort"] == RANDOM:
            continue
        row = _row(values, number + 1, variant["sort"], variant["heads"])
        others = [n for n, other in enumerate(variants) if other["of"] == number]
        drawn = [_row(values, n + 1, RANDOM, variants[n]["heads"]) for n in others]
        rows.append(row | {"random": _ranges(drawn, row), "random_sets": [other["heads"] for other in drawn]})
    return rows


def short(name: str) -> str:
    """What a task, a prompt file or a model is called: of a path the last part."""
    path = Path(name)
    if path.suffix.lower() in PROMPT_ENDINGS:
        return path.stem
    return path.name if path.is_absolute() or "/" in name else name


def _row(values: EditValues, number: int, sort: str, heads: Sequence[str]) -> dict[str, Any]:
    found = edit_effect(values, number)._asdict()
    row: dict[str, Any] = {"variant": sort, "heads": list(heads), "n": values.metric.shape[1]}
    for name, value in found.items():
        if isinstance(value, Share):
            row |= {name: value.value, f"{name}_interval": value.interval().as_json()}
        elif isinstance(value, Estimate):
            row |= {name: value.value, f"{name}_interval": value.interval.as_json()}
        else:
            row[name] = value
    return row


def _ranges(drawn: Sequence[Row], row: Row) -> Row:
    """What random heads give: mean, least and largest of each number, and in how many sets the metric rises as much."""
    ranges: dict[str, Any] = {"n": len(drawn)}
    for name in _RANGED if drawn else ():
        each = [other[name] for other in drawn]
        ranges[name] = {"mean": sum(each) / len(each), "range": [min(each), max(each)]}
    as_much = sum(other["difference"] >= row["difference"] for other in drawn)
    return ranges | {"as_much": as_much if drawn else None}


def _percent(row: Row, name: str) -> str:
    low, high = row[f"{name}_interval"]
    return f"{row[name]:.1%} [{low:.1%}, {high:.1%}]{_random(row, name, '.1%')}"


def _change(row: Row) -> str:
    if not row["heads"]:
        return DASH
    ends = brackets(row["difference_interval"], "+.2f")
    return f"{row['difference']:+z.2f} {ends}{_random(row, 'difference', '+.2f')}"


def _random(row: Row, name: str, spec: str) -> str:
    """A second line with the range over random heads."""
    span = value_at(row, f"random.{name}.range")
    if span is None:
        return ""
    if row["random"]["n"] == 1:
        return f"\none other set {number_text(span[0], spec)}"
    return "\nothers " + " to ".join(number_text(end, spec) for end in span)


COLUMNS = (
    Column("heads edited", cell=lambda row: "\n".join(textwrap.wrap(", ".join(row["heads"]), 24)) or "none"),
    Column(QUANTITIES["accuracy"].heading, cell=lambda row: _percent(row, "accuracy")),
    Column(
        ", ".join(QUANTITIES[name].heading for name in ("new_mistakes", "mended")),
        cell=lambda row: f"{row['new_mistakes']}, {row['mended']}" if row["heads"] else DASH,
    ),
    Column(QUANTITIES["top1"].heading, cell=lambda row: _percent(row, "top1")),
    measured("metric"),
    Column(QUANTITIES["metric_difference"].heading, cell=_change),
)
FOR_FILES = (
    Column("variant"),
    Column("heads", cell=lambda row: " ".join(row["heads"])),
    Column("n"),
    *(
        measured(name, path, interval=f"{path}_interval")
        for name, path in {
            **{name: name for name in ("accuracy", "accuracy_difference", "top1", "top1_difference", "metric")},
            "metric_difference": "difference",
        }.items()
    ),
    *map(measured, ("new_mistakes", "mended")),
    *map(Column, ("new_mistakes_top1", "mended_top1")),
    Column("random_sets", "random.n"),
    *(
        Column(
            f"random_{name}_{end}",
            cell=lambda row, path=path, end=end: (value_at(row, f"random.{path}.range") or (None, None))[end == "max"],
        )
        for name, path in {"accuracy": "accuracy", "top1": "top1", "metric_difference": "difference"}.items()
        for end in ("min", "max")
    ),
)
NOTE = (
    "Right: an answer is likelier than every wrong one; top-1: each of its tokens is the likeliest where it is said. "
    "In brackets: 95 % intervals, Wilson's of shares, t of the paired change. Others: the same edit on other heads of "
    "the same layers, least to most."
)
