"""File formats for circuits and comparisons, one per file. `EXPORTS["json"].to_bytes(graph)`."""

from __future__ import annotations

from collections.abc import Mapping

from circuits.lookup import lookup
from graphs.export.base import Export, ReadableExport
from graphs.export.csv import CsvExport
from graphs.export.graphml import GraphmlExport
from graphs.export.json import JsonExport
from graphs.export.pdf import PdfExport
from graphs.export.svg import SvgExport

EXPORTS: Mapping[str, Export] = {
    export.extension: export for export in (JsonExport(), GraphmlExport(), CsvExport(), PdfExport(), SvgExport())
}

__all__ = ["EXPORTS", "Export", "ReadableExport", "exporter"]


def exporter(name: str) -> Export:
    """The format called `name`. ValueError naming the known ones, and the nearest."""
    return lookup(EXPORTS, name, "export format")
