"""What the formats of drawings share."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import ClassVar

from circuits.scores import Scores
from graphs.circuit_graph import CircuitGraph
from graphs.comparison.comparison import Comparison
from graphs.export.about import MARK, about_text
from graphs.export.base import Export
from graphs.figures.canvas import DrawingFormat
from graphs.figures.layered.composition import Composition
from graphs.figures.layered.drawing import composed, composition_bytes


class DrawnExport(Export):
    """The layered drawing of a circuit, or of two colored by what they share; it says where it came from."""

    def to_bytes(
        self, subject: CircuitGraph | Comparison, *, scores: Sequence[Scores] = (), command: str | None = None
    ) -> bytes:
        return self.drawn(subject, composed(subject), command=command)

    @abstractmethod
    def drawn(
        self,
        subject: CircuitGraph | Comparison,
        composition: Composition,
        *,
        command: str | None = None,
    ) -> bytes:
        """The whole file.

        composition  the drawing of the subject (`graphs.figures.layered.drawing.composed`)
        command      what makes the subject again
        """


class PictureExport(DrawnExport):
    """A drawing as other programs show it."""

    drawing: ClassVar[DrawingFormat]

    def drawn(
        self,
        subject: CircuitGraph | Comparison,
        composition: Composition,
        *,
        command: str | None = None,
    ) -> bytes:
        return composition_bytes(composition, self.drawing, about=(MARK, about_text(subject, command)))
