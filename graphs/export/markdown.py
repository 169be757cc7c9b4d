"""Markdown: tables of a circuit or a comparison, for a README, an issue or a notebook."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar

from circuits.scores import Scores
from graphs.circuit_graph import CircuitGraph
from graphs.comparison.comparison import Comparison
from graphs.export.about import about_text, html_comment
from graphs.export.base import Export, Written
from graphs.export.latex_text import number
from graphs.export.markdown_text import escape
from graphs.export.paper_tables import PaperTable, Score, left_out_of_tables, paper_notes, paper_tables


class MarkdownExport(Export):
    """The tables of the format `latex`; scores as `.85 [.81, .89]`, `-` where not measured.

    A comment that is not shown, which begins the file, says where it came from.
    """

    name: ClassVar[str] = "markdown"
    summary: ClassVar[str] = "tables of heads and edges for a README or an issue"
    extension: ClassVar[str] = "md"
    also: ClassVar[tuple[str, ...]] = ("markdown", "txt")

    def written(
        self, subject: CircuitGraph | Comparison, *, scores: Sequence[Scores] = (), command: str | None = None
    ) -> Written:
        return Written(self.to_bytes(subject, scores=scores, command=command), left_out_of_tables(subject))

    def to_bytes(
        self, subject: CircuitGraph | Comparison, *, scores: Sequence[Scores] = (), command: str | None = None
    ) -> bytes:
        lines = [html_comment(about_text(subject, command)), ""]
        lines += [line for note in paper_notes(subject) for line in (escape(note), "")]
        for table in paper_tables(subject):
            lines += [f"### {escape(table.title)}", "", *_pipes(table), ""]
        return "\n".join(lines).encode()


def _pipes(table: PaperTable) -> Iterator[str]:
    is_score = [isinstance(cell, Score) for cell in table.rows[0]]
    yield _line(escape(heading) for heading in table.headings)
    yield _line("---:" if scored else "---" for scored in is_score)
    for row in table.rows:
        yield _line(escape(cell) if isinstance(cell, str) else escape(number(*cell)) or "-" for cell in row)


def _line(cells: Iterator[str]) -> str:
    return f"| {' | '.join(cells)} |"
