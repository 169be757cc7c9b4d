"""PDF: the layered drawing of a circuit, or of two colored by what they share."""

from __future__ import annotations

from typing import ClassVar

from graphs.export.drawn import PictureExport
from graphs.figures.canvas import DrawingFormat


class PdfExport(PictureExport):
    """A vector drawing with fonts embedded as TrueType, ready for a paper."""

    name: ClassVar[str] = "pdf"
    summary: ClassVar[str] = "the layered drawing, ready for a paper"
    extension: ClassVar[str] = "pdf"
    drawing: ClassVar[DrawingFormat] = "pdf"
