"""What circuits and comparisons offer of the rooms above them: drawings, tables, and what notebooks show.

Those rooms import circuits and comparisons; here they are looked up by name, when something is first shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal

from graphs.annotations import Annotations
from graphs.picture import Picture

if TYPE_CHECKING:
    import pandas as pd


class Drawable:
    """A circuit or a comparison as something to look at."""

    def draw(
        self,
        *,
        size: str = "page",
        font: float | None = None,
        orientation: Literal["up", "right"] = "up",
        top: int | None = None,
        min_score: float | None = None,
        heads_only: bool = False,
        layers: tuple[int, int] | None = None,
        roles: Sequence[str] = (),
        ports: Sequence[Literal["q", "k", "v"]] = (),
        only: Literal["shared", "a", "b"] | None = None,
        bundle: Literal["layer", "role"] | None = None,
        collapse: Sequence[Literal["mlps", "kv"]] = (),
        annotations: Annotations | None = None,
    ) -> Picture:
        """The layered drawing, which a notebook shows and `save` writes.

        size         `column`, `page`, `slide`, or WIDTHxHEIGHT in inches, such as `6x4`
        font         size of its text in points
        orientation  `up`: layers from the bottom to the top; `right`: from left to right
        top          the edges with the largest |score|, this many; None: all that can be read at this size
        min_score    edges whose |score| is at least this, in the metric's units
        heads_only   leave out MLPs and the edges at them
        layers       first and last layer: edges with both ends in them
        roles        edges at heads with one of these roles; () for all
        ports        edges that enter a head through one of these; () for all
        only         of two circuits: the edges that both have, or that one has alone
        bundle       one box for each layer's attention and one for its MLP, or one for the heads of each role
        collapse     `mlps`: one box for MLPs of neighboring layers; `kv`: a key-value head and the heads it serves
        annotations  groups of nodes that are drawn as one box, and notes below the drawing, as a page saves them
                     (`annotations_from` reads its file)

        ValueError where nothing is left to draw, or more than fits.
        """
        settings = _above("figures.layered.settings").DrawingSettings(
            size=_above("figures.sizes").size_from(size, font=font),
            orientation=orientation,
            top=top,
            min_score=min_score,
            heads_only=heads_only,
            layers=layers,
            roles=_each(roles),
            ports=_each(ports),
            only=only,
            bundle=bundle,
            collapse=_each(collapse),
            annotations=annotations,
        )
        return _above("export.notebook").picture_of(self, settings)

    def to_frame(self) -> pd.DataFrame:
        """A pandas frame of its parts: a row for every component, then for every edge, in wiring order.

        The columns are those of `circuits export --to csv`. Of a circuit: name, kind, score, low, high, score_is,
        measured_by, in_circuit, source, target, port, layer, index, and the sums of each component's edges. Of a
        comparison: name, kind, the score on both sides, membership (`shared`, `only_a`, `only_b`), and where the part
        is.
        """
        return _above("export.score_table").own_table(self).to_frame()

    def _repr_html_(self) -> str:
        return _above("export.notebook").html_of(self)


def _each(given: Sequence[str]) -> tuple[str, ...]:
    """Several names, or one."""
    return (given,) if isinstance(given, str) else tuple(given)


def _above(room: str) -> Any:
    return import_module(f"graphs.{room}")
