"""What all figures for papers share: text sizes, margins, fonts, and files without dates.

The same figure gives the same bytes: fixed ids, fonts embedded as TrueType (PDF) or left as text (SVG).
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DrawingFormat = Literal["pdf", "svg", "png"]

INK, FAINT, PAPER = "#1a1a1a", "#8a8a8a", "#ffffff"
MARGIN, LINE = 0.18, 0.155  # inches: around a figure, and per line of text
SMALL, NORMAL, LARGE = 6.5, 7.5, 9.5  # points
CHARACTER = 0.058  # width of a character of NORMAL size in inches, on the safe side

_SETTINGS: Mapping[str, Any] = {
    "pdf.fonttype": 42,
    "svg.fonttype": "none",
    "svg.hashsalt": "circuit-workbench",
    "font.family": "DejaVu Sans",
    "path.simplify": False,
    "savefig.bbox": "standard",
    "savefig.transparent": False,
}
_METADATA: Mapping[str, dict[str, Any]] = {"pdf": {"CreationDate": None}, "svg": {"Date": None}, "png": {}}


def figure_bytes(draw: Callable[[], Figure], kind: DrawingFormat, *, dpi: int) -> bytes:
    """The figure that `draw` makes, as a PDF, SVG or PNG file. `dpi` is that of a PNG, and of images in the others."""
    from matplotlib import rc_context

    with rc_context(dict(_SETTINGS)):  # pyright: ignore[reportArgumentType]
        stream = io.BytesIO()
        draw().savefig(stream, format=kind, dpi=dpi, metadata=_METADATA[kind])
    return stream.getvalue()


def draw_text(
    axes: Axes,
    x: float,
    y: float,
    text: str,
    *,
    size: float,
    color: str = INK,
    weight: str = "normal",
    ha: str = "left",
    va: str = "baseline",
    zorder: float = 5,
) -> None:
    # task names and paths may hold a dollar sign, which is not meant as mathematics
    axes.text(x, y, text, fontsize=size, color=color, weight=weight, ha=ha, va=va, zorder=zorder, parse_math=False)
