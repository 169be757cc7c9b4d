"""Parquet: the table of every score with typed columns, for pandas, polars, DuckDB or R."""

from __future__ import annotations

import io
from typing import ClassVar

from graphs.circuit_graph import CircuitGraph
from graphs.comparison.comparison import Comparison
from graphs.export.about import MARK, about_text
from graphs.export.extra import require_package
from graphs.export.score_table import ScoreTable
from graphs.export.table_export import TableExport


class ParquetExport(TableExport):
    """The rows of `graphs.export.score_table`: text, 64-bit floats and integers, truth values; null is empty.

    The metadata of its schema says where it came from.
    """

    name: ClassVar[str] = "parquet"
    summary: ClassVar[str] = "the same table with typed columns, for pandas, polars or R (extra `tables`)"
    extension: ClassVar[str] = "parquet"

    def require(self) -> None:
        require_package("pyarrow", self.name)

    def table_bytes(self, table: ScoreTable, subject: CircuitGraph | Comparison, command: str | None) -> bytes:
        import pyarrow as pa
        import pyarrow.parquet as pq

        kinds = {str: pa.string(), float: pa.float64(), int: pa.int64(), bool: pa.bool_()}
        about = {"about": f"{MARK}: {about_text(subject, command)}"}
        schema = pa.schema([(name, kinds[kind]) for name, kind in table.columns.items()], metadata=about)
        columns = list(zip(*table.rows, strict=True)) or [()] * len(table.columns)
        arrays = [pa.array(values, entry.type) for values, entry in zip(columns, schema, strict=True)]
        stream = io.BytesIO()
        pq.write_table(pa.table(arrays, schema=schema), stream)
        return stream.getvalue()
