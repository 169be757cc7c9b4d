"""CSV: every component and edge for which there are scores, in the circuit or not; or what two circuits share."""

from __future__ import annotations

from typing import ClassVar

from circuits.csv_text import csv_text
from graphs.circuit_graph import CircuitGraph
from graphs.comparison.comparison import Comparison
from graphs.export.score_table import Cell, ScoreTable
from graphs.export.table_export import TableExport


class CsvExport(TableExport):
    """The rows of `graphs.export.score_table`; numbers are written in full, and no text is taken for a formula."""

    name: ClassVar[str] = "csv"
    summary: ClassVar[str] = "a table of every score, in the circuit or not"
    extension: ClassVar[str] = "csv"
    also: ClassVar[tuple[str, ...]] = ("txt",)

    def table_bytes(self, table: ScoreTable, subject: CircuitGraph | Comparison, command: str | None) -> bytes:
        return csv_text([table.columns, *([_text(cell) for cell in row] for row in table.rows)]).encode()


def _text(cell: Cell) -> str:
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    return cell if isinstance(cell, str) else repr(cell)
