"""PNG: the layered drawing of a circuit, or of two colored by what they share."""

from __future__ import annotations

from typing import ClassVar

from graphs.export.drawn import PictureExport
from graphs.figures.canvas import DrawingFormat


class PngExport(PictureExport):
    """An image of 200 dots per inch, ready for slides."""

    name: ClassVar[str] = "png"
    summary: ClassVar[str] = "the layered drawing as an image of 200 dots per inch"
    extension: ClassVar[str] = "png"
    drawing: ClassVar[DrawingFormat] = "png"
