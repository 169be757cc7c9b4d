"""EPS: the layered drawing of a circuit, or of two colored by what they share."""

from __future__ import annotations

from typing import ClassVar

from graphs.export.drawn import PictureExport
from graphs.figures.canvas import DrawingFormat


class EpsExport(PictureExport):
    """A vector drawing in encapsulated PostScript, without transparency, fonts embedded as TrueType."""

    name: ClassVar[str] = "eps"
    summary: ClassVar[str] = "the layered drawing for journals that ask for PostScript"
    extension: ClassVar[str] = "eps"
    drawing: ClassVar[DrawingFormat] = "eps"
