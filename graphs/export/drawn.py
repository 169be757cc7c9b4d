"""What the formats of drawings share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from circuits.scores import Scores
from graphs.circuit_graph import CircuitGraph
from graphs.comparison.comparison import Comparison
from graphs.export.about import MARK, about_text
from graphs.export.base import Export
from graphs.figures.canvas import DrawingFormat
from graphs.figures.circuit import drawing_bytes


class DrawnExport(Export):
    """The layered drawing of a circuit, or of two colored by what they share; it says where it came from."""

    is_drawn: ClassVar[bool] = True
    drawing: ClassVar[DrawingFormat]

    def to_bytes(
        self, subject: CircuitGraph | Comparison, *, scores: Sequence[Scores] = (), command: str | None = None
    ) -> bytes:
        return drawing_bytes(subject, self.drawing, about=(MARK, about_text(subject, command)))
