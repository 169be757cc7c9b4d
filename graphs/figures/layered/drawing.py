"""The layered drawing of a circuit or of a comparison, composed and as a file.

Every drawing says how many of all possible edges it shows, how weak the weakest is, and the faithfulness: a view that
hides what was pruned misleads.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from graphs.circuit_graph import CircuitGraph
from graphs.comparison.comparison import Comparison
from graphs.figures.canvas import DrawingFormat, figure_bytes
from graphs.figures.fit import Drawing
from graphs.figures.layered.circuit import compose_circuit
from graphs.figures.layered.comparison import compose_comparison
from graphs.figures.layered.composition import Composition
from graphs.figures.layered.settings import DrawingSettings
from graphs.figures.layered.shown import Measured

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def composed(
    subject: CircuitGraph | Comparison, settings: DrawingSettings | None = None, measured: Measured | None = None
) -> Composition:
    """The drawing of a circuit or of a comparison. ValueError where the settings leave nothing, or more than fits.

    measured  how faithful a part of the circuit is, where that is known
    """
    settings = settings or DrawingSettings()
    if isinstance(subject, Comparison):
        return compose_comparison(subject, settings)
    return compose_circuit(subject, settings, measured)


def drawing_at(subject: CircuitGraph | Comparison) -> Drawing:
    """The drawing at a size to be chosen, with as much of the circuits as can be read there."""
    return lambda size: composed(subject, None if size is None else DrawingSettings(size=size)).draw()


def drawing_bytes(
    subject: CircuitGraph | Comparison,
    kind: DrawingFormat,
    settings: DrawingSettings | None = None,
    *,
    measured: Measured | None = None,
    dpi: int = 200,
    about: tuple[str, str] | None = None,
) -> bytes:
    """The drawing as a PDF, SVG, PNG or EPS file. `dpi` applies to PNG alone.

    measured  as in `composed`
    about     a word and a text that the file says of itself, in its metadata
    """
    return figure_bytes(partial(_drawn, subject, settings, measured), kind, dpi=dpi, about=about)


def composition_bytes(
    composition: Composition, kind: DrawingFormat, *, dpi: int = 200, about: tuple[str, str] | None = None
) -> bytes:
    """The same of a drawing that is composed."""
    return figure_bytes(partial(Composition.draw, composition), kind, dpi=dpi, about=about)


def _drawn(subject: CircuitGraph | Comparison, settings: DrawingSettings | None, measured: Measured | None) -> Figure:
    return composed(subject, settings, measured).draw()
