"""XLSX: the table of every score as a sheet, for Excel, Numbers or LibreOffice."""

from __future__ import annotations

import io
from datetime import datetime
from typing import ClassVar

from graphs.circuit_graph import CircuitGraph
from graphs.comparison.comparison import Comparison
from graphs.export.about import MARK, about, about_lines, about_text
from graphs.export.extra import require_package
from graphs.export.score_table import ScoreTable
from graphs.export.table_export import TableExport

_MOST_ROWS = 2**20  # of a sheet, its heading included
_MOST_CHARACTERS = 32_767  # of a cell
_WIDTH = 14  # of columns of text, in characters


class XlsxExport(TableExport):
    """A sheet `scores` with the rows of `graphs.export.score_table`, and a sheet `about`: where they came from.

    Numbers have 16 digits, text is never taken for a formula, and what is not measured is an empty cell.
    """

    name: ClassVar[str] = "xlsx"
    summary: ClassVar[str] = "the same table for Excel (extra `tables`)"
    extension: ClassVar[str] = "xlsx"

    def require(self) -> None:
        require_package("xlsxwriter", self.name)

    def table_bytes(self, table: ScoreTable, subject: CircuitGraph | Comparison, command: str | None) -> bytes:
        import xlsxwriter

        if len(table.rows) >= _MOST_ROWS:
            raise ValueError(
                f"a sheet of Excel has {_MOST_ROWS:,} rows at most, and there are {len(table.rows):,} scores: use "
                "parquet or csv."
            )
        stream = io.BytesIO()
        book = xlsxwriter.Workbook(stream, {"in_memory": True})
        bold = book.add_format({"bold": True})
        # A date that is always the same: the bytes must not depend on when they are written.
        book.set_properties({"created": datetime(2000, 1, 1), "comments": f"{MARK}: {about_text(subject, command)}"})
        sheet = book.add_worksheet("scores")
        sheet.write_row(0, 0, [*table.columns], bold)
        sheet.freeze_panes(1, 1)
        sheet.set_column(0, len(table.columns) - 1, _WIDTH)
        for number, row in enumerate(table.rows, start=1):
            for column, cell in enumerate(row):
                if isinstance(cell, bool):
                    sheet.write_boolean(number, column, cell)
                elif isinstance(cell, str):
                    sheet.write_string(number, column, cell)
                elif cell is not None:
                    sheet.write_number(number, column, cell)
        sheet.autofilter(0, 0, len(table.rows), len(table.columns) - 1)
        facts = book.add_worksheet("about")
        facts.set_column(0, 0, 3 * _WIDTH)
        for number, (name, value) in enumerate(about_lines(about(subject, command))):
            facts.write_string(number, 0, name)
            facts.write_string(number, 1, str(value)[:_MOST_CHARACTERS])
        book.close()
        return stream.getvalue()
