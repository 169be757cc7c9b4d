"""File formats for circuits and comparisons, one per file. `EXPORTS["json"].to_bytes(graph)`."""

from __future__ import annotations

from operator import attrgetter

from circuits.lookup import lookup
from circuits.registry import Registry, instance_of
from graphs.export.about import about, read_about
from graphs.export.base import Export, ReadableExport
from graphs.export.caption import caption
from graphs.export.csv import CsvExport
from graphs.export.cytoscape import CytoscapeExport
from graphs.export.dot import DotExport
from graphs.export.eps import EpsExport
from graphs.export.gexf import GexfExport
from graphs.export.graphml import GraphmlExport
from graphs.export.html import HtmlExport
from graphs.export.json import JsonExport
from graphs.export.latex import LatexExport
from graphs.export.markdown import MarkdownExport
from graphs.export.mib import MibExport, mib_graph
from graphs.export.neuronpedia import NeuronpediaExport
from graphs.export.parquet import ParquetExport
from graphs.export.pdf import PdfExport
from graphs.export.png import PngExport
from graphs.export.svg import SvgExport
from graphs.export.tikz import TikzExport
from graphs.export.xlsx import XlsxExport

EXPORTS: Registry[Export] = Registry("exports", instance_of(Export), attrgetter("name"))
for _export in (
    JsonExport(),
    GraphmlExport(),
    GexfExport(),
    CytoscapeExport(),
    DotExport(),
    CsvExport(),
    ParquetExport(),
    XlsxExport(),
    PdfExport(),
    SvgExport(),
    PngExport(),
    EpsExport(),
    HtmlExport(),
    TikzExport(),
    LatexExport(),
    MarkdownExport(),
    MibExport(),
    NeuronpediaExport(),
):
    EXPORTS.register(_export)

__all__ = ["EXPORTS", "Export", "ReadableExport", "about", "caption", "exporter", "mib_graph", "read_about"]


_OTHER_NAMES = {
    "pgf": "tikz", "tex": "latex", "md": "markdown", "excel": "xlsx", "xls": "xlsx", "gv": "dot", "graphviz": "dot",
    "gephi": "gexf", "htm": "html", "page": "html", "cyjs": "cytoscape", "pq": "parquet",
}  # fmt: skip
"""What formats are called elsewhere, or what their files end in."""


def exporter(name: str) -> Export:
    """The format called `name`. ValueError naming the known ones, and the nearest."""
    if (known := _OTHER_NAMES.get(str(name).lower())) is not None:
        raise ValueError(f"no export format {name!r}. Known: {', '.join(sorted(EXPORTS))}. It is {known!r} here.")
    return lookup(EXPORTS, name, "export format")
