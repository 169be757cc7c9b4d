"""Chapters put together as one document: methods once, then results, limits, and what makes them again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pipelines.report.chapters import TOPICS, Chapter
from pipelines.report.methods import software_sentence
from pipelines.reporting.document import Bullets, Document, Listing, Piece, Section, Text
from pipelines.reporting.paper.facts import ablation, label, prompts
from pipelines.reporting.paper.table import PaperTable
from pipelines.reporting.tables import Column, measured

_LONGEST_TITLE = 80
_OF_ALL = (
    "A circuit is a finding about one model on prompts like these, under one metric and one ablation: others may give "
    "another circuit.",
    "Faithfulness says that the circuit is enough for the metric on these prompts: not that the model works in no "
    "other way, nor what the parts do.",
)


def document(chapters: Sequence[Chapter], title: str | None = None) -> Document:
    """The document of these chapters, in their order."""
    cites = dict.fromkeys(citation for chapter in chapters for citation in chapter.cites)
    titled = list(zip(_titles(chapters), chapters, strict=True))
    return Document(
        title or default_title([chapter.subject for chapter in chapters]),
        [
            Section("Methods", sections=[*_methods(chapters)]),
            Section("Results", [*_overview(chapters)], [Section(title, one.results) for title, one in titled]),
            Section("Limits", [Bullets((*_OF_ALL, *dict.fromkeys(text for one in chapters for text in one.limits)))]),
            Section("Commands and settings", [*_again(titled)]),
        ],
        sorted(cites, key=lambda citation: citation.key),
    )


def default_title(subjects: Sequence[str]) -> str:
    """What a document of these subjects is called: the first of them that fit in a line, and how many more."""
    distinct = list(dict.fromkeys(subjects))
    n = next(n for n in range(len(distinct), 0, -1) if n == 1 or len("; ".join(distinct[:n])) <= _LONGEST_TITLE)
    more = f"; and {len(distinct) - n} more" if n < len(distinct) else ""
    named = "; ".join(distinct[:n])
    return f"{named[:1].upper()}{named[1:]}{more}"


def _methods(chapters: Sequence[Chapter]) -> Iterator[Section]:
    """A section per topic; a sentence that several chapters say stands once."""
    for topic in TOPICS:
        said = dict.fromkeys(text for chapter in chapters for text in chapter.methods.get(topic, ()))
        if topic == TOPICS[-1]:
            said |= dict.fromkeys(software_sentence(one.versions) for one in chapters if one.versions)
        if said:
            yield Section(topic, [Text(" ".join(said))])


def _overview(chapters: Sequence[Chapter]) -> Iterator[Piece]:
    """A table of all runs that have a circuit of edges, where there are several."""
    rows = [chapter.row for chapter in chapters if chapter.row is not None and "faithfulness" in chapter.row]
    if len(rows) > 1:
        yield _runs(rows)


def _runs(rows: Sequence[Mapping[str, Any]]) -> PaperTable:
    name = label(
        "circuit",
        rows,
        lambda row: row["task"],
        lambda row: row["method"],
        lambda row: f"{row['task']}, {row['method']}",
        lambda row: row["run"],
    )
    return PaperTable(
        title="The circuits",
        label=[name],
        columns=[
            measured("n_edges"),
            measured("n_heads"),
            measured("faithfulness", interval="faithfulness_interval"),
        ],
        rows=rows,
        conditions=[
            *map(Column, ("task", "model")),
            Column("metric", "metric.name"),
            ablation(),
            prompts("n_judging", judged_on="judged_on"),
        ],
        settings=[Column("method"), measured("of_edges")],
        intervals="95 % t intervals over prompts",
    )


def _titles(chapters: Sequence[Chapter]) -> list[str]:
    """The titles of chapters; those that several have, with the name of the result."""
    titles = [chapter.title for chapter in chapters]
    return [one.title if titles.count(one.title) == 1 else f"{one.title} ({one.name})" for one in chapters]


def _again(titled: Sequence[tuple[str, Chapter]]) -> Iterator[Piece]:
    for title, chapter in titled:
        if chapter.command is not None:
            yield Text(f"{title}:")
            yield Listing(chapter.command, "sh")
        if chapter.settings is not None:
            yield Listing(chapter.settings, "yaml")
