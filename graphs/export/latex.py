r"""LaTeX: tables of a circuit or a comparison, for `\input`, with the packages booktabs and siunitx."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import ClassVar

from circuits.scores import Scores
from graphs.circuit_graph import CircuitGraph
from graphs.comparison.comparison import Comparison
from graphs.export.about import about_text, tex_comment
from graphs.export.base import Export, Written
from graphs.export.latex_text import escape, latex_number, number
from graphs.export.paper_tables import INTERVAL, PaperTable, Score, left_out_of_tables, paper_notes, paper_tables

_UNMEASURED = "{--}"
_ON_A_PAGE = 40  # rows


class LatexExport(Export):
    r"""A `tabular` of heads and MLPs and one of edges; of more rows than a page has, a `longtable`.

    Scores stand in columns `S` of siunitx, with the digits that their interval allows, and the interval beside them;
    what was not measured is `--`. The files hold no `table` environment and no caption: these are the paper's. A
    `longtable` goes on over pages, each with the headings, and stands by itself: not within a `table`, nor in two
    columns.
    """

    name: ClassVar[str] = "latex"
    summary: ClassVar[str] = "tables of heads and edges for a paper (booktabs, siunitx)"
    extension: ClassVar[str] = "tex"

    def written(
        self, subject: CircuitGraph | Comparison, *, scores: Sequence[Scores] = (), command: str | None = None
    ) -> Written:
        return Written(self.to_bytes(subject, scores=scores, command=command), left_out_of_tables(subject))

    def to_bytes(
        self, subject: CircuitGraph | Comparison, *, scores: Sequence[Scores] = (), command: str | None = None
    ) -> bytes:
        tables = paper_tables(subject)
        packages = ["booktabs", *(["longtable"] if any(map(_is_long, tables)) else []), "siunitx"]
        lines = [tex_comment(about_text(subject, command)), rf"% needs \usepackage{{{','.join(packages)}}}"]
        lines += [f"% {' '.join(note.split())}" for note in paper_notes(subject)]
        for position, table in enumerate(tables):
            lines += [*([r"\par\bigskip"] if position else []), f"% {table.title}", *_tabular(table)]
        return "\n".join([*lines, *([] if tables else [r"\emph{An empty circuit.}"]), ""]).encode()


def _is_long(table: PaperTable) -> bool:
    """Whether a table goes on over several pages."""
    return len(table.rows) > _ON_A_PAGE


def _tabular(table: PaperTable) -> Iterator[str]:
    columns, headings = "", []
    for position, heading in enumerate(table.headings):
        cells = [row[position] for row in table.rows]
        if isinstance(cells[0], Score):
            columns += _score_column([cell for cell in cells if isinstance(cell, Score)])
            headings += [f"{{{escape(heading)}}}", escape(INTERVAL)]
        else:
            columns += "l"
            headings.append(escape(heading))
    environment = "longtable" if _is_long(table) else "tabular"
    yield rf"\begin{{{environment}}}{{{columns}}}"
    yield r"\toprule"
    yield " & ".join(headings) + r" \\"
    yield r"\midrule"
    if _is_long(table):
        # On every page the headings above, and a rule below.
        yield r"\endhead"
        yield r"\bottomrule"
        yield r"\endfoot"
    for row in table.rows:
        yield " & ".join(text for cell in row for text in _cells(cell)) + r" \\"
    if not _is_long(table):
        yield r"\bottomrule"
    yield rf"\end{{{environment}}}"


def _cells(cell: str | Score) -> list[str]:
    if isinstance(cell, str):
        return [escape(cell)]
    if cell.value is None:
        return [_UNMEASURED, ""]
    value, _, _ = number(*cell).partition(" ")
    has_interval = " [" in number(*cell)
    return [value, latex_number(*cell).removeprefix("{").removesuffix("}").partition(" ")[2] if has_interval else ""]


def _score_column(scores: Sequence[Score]) -> str:
    """A column `S` wide enough for the digits of all scores, and one for their intervals."""
    shown = [number(*score).partition(" ")[0] for score in scores]
    parts = [re.fullmatch(r"-?(\d*)(?:\.(\d+))?(?:e([-+]\d+))?", text) for text in shown]
    matches = [match for match in parts if match is not None]
    before = max((len(match[1] or "0") for match in matches), default=1)
    after = max((len(match[2] or "") for match in matches), default=0)
    exponent = max((len(match[3].lstrip("+-")) for match in matches if match[3]), default=0)
    power = f"e-{exponent}" if exponent else ""
    return f"S[table-format=-{max(before, 1)}.{after}{power},print-zero-integer=false]l"
