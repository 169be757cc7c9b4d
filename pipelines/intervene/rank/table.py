"""A rank curve as a table for people."""

from __future__ import annotations

from circuits.numbers import count_text, number_text
from pipelines.intervene.effect_rows import short
from pipelines.intervene.rank.report import RankReport
from pipelines.reporting.tables import DASH, Column, Row, print_columns, print_line, value_at, with_interval


def _variance(row: Row) -> str:
    return ", ".join(f"{side} {share:.0%}" for side, share in row["variance"].items())


def _with_random(row: Row, name: str, spec: str) -> str:
    """A number with its interval, and below it the range over random directions."""
    own = with_interval(row, name, spec)
    span = value_at(row, f"random.{name}.range")
    return own if span is None else f"{own}\nrandom " + " to ".join(number_text(end, spec) for end in span)


COLUMNS = (
    Column("directions", "rank"),
    Column("kept", cell=lambda row: _with_random(row, "kept", ".0%") if row["kept_interval"] else DASH),
    Column("change of the metric", cell=lambda row: _with_random(row, "change", "+.2f")),
    Column("accuracy", format=".1%", interval="accuracy_interval"),
    Column("variance held", cell=_variance),
)
_ESTIMATED = ("metric", "change", "kept", "accuracy", "accuracy_change")
FOR_FILES = (
    Column("rank"),
    *(Column(name, interval=f"{name}_interval") for name in _ESTIMATED),
    *(
        Column(f"variance_{side}", cell=lambda row, side=side: row["variance"].get(side))
        for side in ("query", "key", "value")
    ),
    Column("random_sets", "random.n"),
    *(
        Column(
            f"random_{name}_{end}",
            cell=lambda row, name=name, end=end: (value_at(row, f"random.{name}.range") or (None, None))[end == "max"],
        )
        for name in ("kept", "change")
        for end in ("min", "max")
    ),
)


def print_rank(report: RankReport) -> None:
    """A row per number of directions."""
    settings, plain = report.settings, report.plain
    heads = f"{', '.join(settings['sides'])} of {', '.join(settings['heads'])}"
    print_line(f"{heads}: rows {settings['query']}, tokens {settings['key']}")
    subject = f"{short(settings['task'])} on {short(settings['model'])}, {count_text(settings['n_prompts'], 'prompt')}"
    title = f"{subject}: metric {plain['metric']:z.2f}, accuracy {plain['accuracy']:z.1%}, chance {report.chance:z.2f}"
    print_columns(title, COLUMNS, report.rows)
    print_line(
        "Kept: the share of what the metric loses at 0 directions (all at their mean) that is not lost. Each prompt is "
        "judged with directions of the half that it is not in. In brackets: 95 % intervals over prompts. Random: as "
        "many random directions, least to most."
    )
