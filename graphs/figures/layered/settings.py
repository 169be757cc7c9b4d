"""What is asked of a drawing of circuits: its size and direction, and how much of the circuits it shows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from numbers import Integral, Real
from typing import Literal, get_args

from circuits.kinds import PORTS, Port
from circuits.lookup import lookup
from graphs.annotations import Annotations
from graphs.figures.sizes import SIZES, Size

Orientation = Literal["up", "right"]
Bundle = Literal["layer", "role"]
Collapse = Literal["mlps", "kv"]
Only = Literal["shared", "a", "b"]
_CALLED = {"roles": "role", "ports": "port"}  # options that are given once for each
ORIENTATIONS, BUNDLES, COLLAPSES, ONLY = map(get_args, (Orientation, Bundle, Collapse, Only))


@dataclass(frozen=True)
class DrawingSettings:
    """Settings of a drawing. ValueError for values that mean nothing.

    size         width, greatest height, and size of text
    orientation  `up`: layers from the bottom to the top; `right`: from left to right
    top          the lines with the largest |score|, this many; None: all that can be read at this size
    min_score    lines whose |score| is at least this, in the metric's units
    heads_only   leave out MLPs and the edges at them
    layers       first and last layer: edges with both ends in them; `input` and `logits` lie in all
    roles        edges at heads with one of these roles; () for all
    ports        edges that enter a head through one of these; () for all
    only         of two circuits: the edges that both have, or that one has alone
    bundle       one box for each layer's attention and one for its MLP, or one for the heads of each role; their edges
                 are merged
    collapse     `mlps`: one box for MLPs of neighboring layers; `kv`: one for a key-value head and the heads it serves
    annotations  groups of nodes that are drawn as one box, and notes below the drawing
    """

    size: Size = SIZES["page"]
    orientation: Orientation = "up"
    top: int | None = None
    min_score: float | None = None
    heads_only: bool = False
    layers: tuple[int, int] | None = None
    roles: tuple[str, ...] = ()
    ports: tuple[Port, ...] = ()
    only: Only | None = None
    bundle: Bundle | None = None
    collapse: tuple[Collapse, ...] = ()
    annotations: Annotations | None = None

    def __post_init__(self) -> None:
        self._require_types()
        _require(self.orientation, ORIENTATIONS, "orientation")
        if self.bundle is not None:
            _require(self.bundle, BUNDLES, "bundle")
        for port in self.ports:
            _require(port, PORTS, "port")
        if self.only is not None:
            _require(self.only, ONLY, "part of a comparison")
        if self.layers is not None and not 0 <= self.layers[0] <= self.layers[1]:
            raise ValueError(f"layers {self.layers[0]}-{self.layers[1]}: give the first and the last, such as 3-8.")
        for one in self.collapse:
            _require(one, COLLAPSES, "part to collapse")
        if self.top is not None and self.top < 1:
            raise ValueError(f"top {self.top}: a drawing shows at least 1 edge.")
        if self.min_score is not None and not (math.isfinite(self.min_score) and self.min_score > 0):
            raise ValueError(f"min_score {self.min_score}: give a number above 0, in the metric's units.")
        if self.bundle is not None and self.collapse:
            raise ValueError(
                f"bundle {self.bundle} and collapse {', '.join(self.collapse)}: a bundle has collapsed these already. "
                "Give one of the two."
            )
        if self.bundle is not None and self.annotations is not None and self.annotations.groups:
            raise ValueError(f"bundle {self.bundle} and groups made by hand: a box cannot be of both. Give one.")
        if self.heads_only and "mlps" in self.collapse:
            raise ValueError("heads only, and MLPs collapsed: there are none. Give one of the two.")

    def _require_types(self) -> None:
        """Raise a ValueError for numbers that are none."""
        if not isinstance(self.top, Integral | None) or isinstance(self.top, bool):
            raise ValueError(f"top {self.top!r}: give a whole number of edges, such as 20.")
        if not isinstance(self.min_score, Real | None):
            raise ValueError(f"min_score {self.min_score!r}: give a number above 0, in the metric's units.")
        layers = self.layers
        is_pair = isinstance(layers, Sequence) and not isinstance(layers, str) and len(layers) == 2
        if layers is not None and not (is_pair and all(isinstance(end, Integral) for end in layers)):
            raise ValueError(f"layers {layers!r}: give the first and the last, such as (3, 8).")
        if not isinstance(self.annotations, Annotations | None):
            raise ValueError(
                f"annotations {self.annotations!r}: give those of `annotations_from`, which reads what a page saves."
            )

    @property
    def given(self) -> tuple[str, ...]:
        """The options that say it, as the command line calls them; those at their defaults are left out.

        >>> from graphs.figures.layered.settings import DrawingSettings
        >>> DrawingSettings(top=20, roles=("mover",)).given
        ('--top', '--role')
        """
        plain = DrawingSettings()
        names = [entry.name for entry in fields(self) if getattr(self, entry.name) != getattr(plain, entry.name)]
        if "size" in names and self.size == replace(plain.size, font=self.size.font):
            names[names.index("size")] = "font"
        return tuple(f"--{_CALLED.get(name, name.replace('_', '-'))}" for name in names)

    @property
    def is_automatic(self) -> bool:
        """Whether the drawing itself decides how many lines it shows."""
        return self.top is None and self.min_score is None

    @property
    def is_filtered(self) -> bool:
        """Whether some kinds of edges are left out, whatever their scores."""
        return self.heads_only or self.layers is not None or bool(self.roles or self.ports) or self.only is not None


def _require(value: str, known: tuple[str, ...], what: str) -> None:
    lookup(dict.fromkeys(known), value, what)
