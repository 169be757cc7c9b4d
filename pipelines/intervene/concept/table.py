"""A dose-response curve as a table for people."""

from __future__ import annotations

from circuits.numbers import count_text, number_text
from pipelines.intervene.concept.generated import print_generated
from pipelines.intervene.concept.report import ConceptReport
from pipelines.intervene.effect_rows import short
from pipelines.reporting.tables import Column, Row, print_columns, print_line, value_at


def _random(row: Row, name: str, spec: str) -> str | None:
    """The range over random vectors."""
    span = value_at(row, f"random.{name}.range")
    return None if span is None else " to ".join(number_text(end, spec) for end in span)


COLUMNS = (
    Column("strength", format="g"),
    Column("change of the metric", "change", format="+.2f", interval="change_interval"),
    Column("random change", cell=lambda row: _random(row, "change", "+.2f")),
    Column("beyond random", "beyond_random", format="+.2f", interval="beyond_random_interval"),
    Column("accuracy", format=".1%", interval="accuracy_interval"),
    Column("random accuracy", cell=lambda row: _random(row, "accuracy", ".1%")),
)
_ESTIMATED = ("metric", "change", "accuracy", "accuracy_change", "beyond_random")
FOR_FILES = (
    Column("strength"),
    *(Column(name, interval=f"{name}_interval") for name in _ESTIMATED),
    Column("random_vectors", "random.n"),
    *(
        Column(
            f"random_{name}_{end}",
            cell=lambda row, name=name, end=end: (value_at(row, f"random.{name}.range") or (None, None))[end == "max"],
        )
        for name in ("change", "accuracy")
        for end in ("min", "max")
    ),
)


def made_in_words(report: ConceptReport) -> str:
    """What the vector is a difference of, and where that was read: `clean minus corrupt at END`."""
    settings = report.settings
    made = "clean minus corrupt"
    if "concept" in settings:
        made = f"{short(settings['concept'])} minus {short(settings['baseline'])}"
    return f"{made} at {settings['read']}"


def print_concept(report: ConceptReport) -> None:
    """A row per strength."""
    settings, plain, vector = report.settings, report.plain, report.vector
    alike = "" if vector["cosine"] is None else f", cosine of the halves' vectors {vector['cosine']:z.2f}"
    print_line(
        f"{made_in_words(report)}, added at {settings['at']} before layer {settings['layer']}: norm "
        f"{vector['norm']:.2f}, stream {vector['stream_norm']:.2f}{alike}"
    )
    subject = f"{short(settings['task'])} on {short(settings['model'])}, {count_text(settings['n_prompts'], 'prompt')}"
    title = f"{subject}: metric {plain['metric']:z.2f}, accuracy {plain['accuracy']:z.1%}, chance {report.chance:z.2f}"
    print_columns(title, COLUMNS, report.rows)
    print_line(
        "Each prompt is judged with a vector that it did not make. In brackets: 95 % intervals over prompts. Random: "
        "vectors of the same norm, orthogonal to it, least to most; beyond random: the change minus their mean."
    )
    if report.generated:
        print_generated(report.generated, report.texts, settings["generate"])
