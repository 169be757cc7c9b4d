"""Parquet: the table of every score with typed columns, for pandas, polars, DuckDB or R."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import ClassVar

from circuits.scores import Scores
from graphs.circuit_graph import CircuitGraph
from graphs.comparison.comparison import Comparison
from graphs.export.about import MARK, about_text
from graphs.export.base import Export
from graphs.export.extra import require_package
from graphs.export.score_table import score_table


class ParquetExport(Export):
    """The rows of `graphs.export.score_table`: text, 64-bit floats and integers, truth values; null is empty.

    The metadata of its schema says where it came from.
    """

    name: ClassVar[str] = "parquet"
    summary: ClassVar[str] = "the same table with typed columns, for pandas, polars or R (extra `tables`)"
    extension: ClassVar[str] = "parquet"

    def to_bytes(
        self, subject: CircuitGraph | Comparison, *, scores: Sequence[Scores] = (), command: str | None = None
    ) -> bytes:
        require_package("pyarrow", self.name)
        import pyarrow as pa
        import pyarrow.parquet as pq

        kinds = {str: pa.string(), float: pa.float64(), int: pa.int64(), bool: pa.bool_()}
        listed = score_table(subject, scores, name=self.name)
        about = {"about": f"{MARK}: {about_text(subject, command)}"}
        schema = pa.schema([(name, kinds[kind]) for name, kind in listed.columns.items()], metadata=about)
        columns = list(zip(*listed.rows, strict=True)) or [()] * len(listed.columns)
        arrays = [pa.array(values, entry.type) for values, entry in zip(columns, schema, strict=True)]
        stream = io.BytesIO()
        pq.write_table(pa.table(arrays, schema=schema), stream)
        return stream.getvalue()
