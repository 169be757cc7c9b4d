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
from graphs.figures.layered.drawing import drawing_bytes
from graphs.figures.layered.settings import DrawingSettings
from graphs.figures.layered.shown import Measured


class DrawnExport(Export):
    """The layered drawing of a circuit, or of two colored by what they share; it says where it came from."""

    def to_bytes(
        self, subject: CircuitGraph | Comparison, *, scores: Sequence[Scores] = (), command: str | None = None
    ) -> bytes:
        return self.drawn(subject, DrawingSettings(), command=command)

    @abstractmethod
    def drawn(
        self,
        subject: CircuitGraph | Comparison,
        settings: DrawingSettings,
        *,
        command: str | None = None,
        measured: Measured | None = None,
    ) -> bytes:
        """The whole file, drawn as the settings say. ValueError where they leave nothing, or more than fits.

        command   what makes the subject again
        measured  how faithful a part of the circuit is, where that is known
        """


class PictureExport(DrawnExport):
    """A drawing as other programs show it."""

    drawing: ClassVar[DrawingFormat]

    def drawn(
        self,
        subject: CircuitGraph | Comparison,
        settings: DrawingSettings,
        *,
        command: str | None = None,
        measured: Measured | None = None,
    ) -> bytes:
        return drawing_bytes(
            subject, self.drawing, settings, measured=measured, about=(MARK, about_text(subject, command))
        )
