"""SVG: the layered drawing of a circuit, or of two colored by what they share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from circuits.scores import Scores
from graphs.circuit_graph import CircuitGraph
from graphs.comparison.comparison import Comparison
from graphs.export.base import Export
from graphs.figures.circuit import drawing_bytes


class SvgExport(Export):
    """A vector drawing whose text stays text, ready for a page."""

    extension: ClassVar[str] = "svg"

    def to_bytes(self, subject: CircuitGraph | Comparison, *, scores: Sequence[Scores] = ()) -> bytes:
        return drawing_bytes(subject, "svg")
