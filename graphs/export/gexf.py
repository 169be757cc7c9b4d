"""GEXF: for Gephi, which opens it as drawn."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from typing import Any, ClassVar

from circuits.scores import Scores
from graphs.circuit_graph import CircuitGraph
from graphs.comparison.comparison import Comparison
from graphs.export.about import MARK, about_text
from graphs.export.base import Export
from graphs.export.flatten import flatten
from graphs.export.xml_text import xml_characters, xml_text

_SPREAD = 100  # Gephi's units per inch


class GexfExport(Export):
    """Nodes with Gephi's own position and color, edges with its weight, and everything else as attributes."""

    name: ClassVar[str] = "gexf"
    summary: ClassVar[str] = "for Gephi, with positions and colors"
    extension: ClassVar[str] = "gexf"
    also: ClassVar[tuple[str, ...]] = ("xml",)

    def to_bytes(
        self, subject: CircuitGraph | Comparison, *, scores: Sequence[Scores] = (), command: str | None = None
    ) -> bytes:
        from networkx import write_gexf

        flat = flatten(subject, command)
        for _, data in flat.nodes(data=True):
            red, green, blue = (int(data["color"][start : start + 2], 16) for start in (1, 3, 5))
            place = {"x": _SPREAD * data.pop("x"), "y": _SPREAD * data.pop("y"), "z": 0.0}
            data["viz"] = {"position": place, "color": {"r": red, "g": green, "b": blue, "a": 1.0}}
        for *_, data in (*flat.nodes(data=True), *flat.edges(data=True)):
            data.update({key: xml_characters(value) for key, value in data.items() if isinstance(value, str)})
        # In GEXF an edge's own id, kind and port are attributes like others; `type` alone is reserved.
        flat.graph.clear()
        stream = io.BytesIO()
        write_gexf(flat, stream, version="1.2draft")
        said: Any = re.sub(r' lastmodifieddate="[^"]*"', "", stream.getvalue().decode())
        description = f"<description>{xml_text(f'{MARK}: {about_text(subject, command)}')}</description>"
        return re.sub(r"</creator>", lambda match: f"</creator>\n    {description}", said, count=1).encode() + b"\n"
