"""GraphML: for Gephi, yEd, Cytoscape and networkx. A circuit read back is the same."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import ClassVar
from xml.etree.ElementTree import ParseError

from circuits.scores import Scores
from graphs.circuit_graph import CircuitGraph
from graphs.comparison.comparison import Comparison
from graphs.export.about import MARK, about_text
from graphs.export.base import ReadableExport
from graphs.export.flatten import flatten, unflatten


class GraphmlExport(ReadableExport):
    """Node and edge attributes as typed keys; what was not measured has no attribute. Comparisons are not read back."""

    name: ClassVar[str] = "graphml"
    summary: ClassVar[str] = "for Gephi, yEd, Cytoscape and networkx, with positions and colors"
    extension: ClassVar[str] = "graphml"

    def to_bytes(
        self, subject: CircuitGraph | Comparison, *, scores: Sequence[Scores] = (), command: str | None = None
    ) -> bytes:
        from networkx import write_graphml_xml

        stream = io.BytesIO()
        flat = flatten(subject, command)
        flat.graph["about"] = f"{MARK}: {about_text(subject, command)}"
        # the writer based on the standard library's XML: the bytes must not depend on what else is installed
        write_graphml_xml(flat, stream, prettyprint=True)
        return stream.getvalue() + b"\n"

    def from_bytes(self, data: bytes, *, source: str = "data") -> CircuitGraph:
        from networkx import NetworkXError, read_graphml

        try:
            flat = read_graphml(io.BytesIO(data), force_multigraph=True)
        except (ParseError, NetworkXError) as error:
            raise ValueError(f"{source}: not GraphML, or cut short ({error}). Export it again.") from None
        return unflatten(flat, source=source)
