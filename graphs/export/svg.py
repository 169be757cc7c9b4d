"""SVG: the layered drawing of a circuit, or of two colored by what they share."""

from __future__ import annotations

from typing import ClassVar

from graphs.export.drawn import PictureExport
from graphs.figures.canvas import DrawingFormat


class SvgExport(PictureExport):
    """A vector drawing whose text stays text, ready for a page."""

    name: ClassVar[str] = "svg"
    summary: ClassVar[str] = "the layered drawing, ready for a page"
    extension: ClassVar[str] = "svg"
    drawing: ClassVar[DrawingFormat] = "svg"
