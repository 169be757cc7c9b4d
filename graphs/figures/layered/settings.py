"""What is asked of a drawing of circuits: its size and direction, and how much of the circuits it shows."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

from circuits.lookup import lookup
from graphs.figures.sizes import SIZES, Size

Orientation = Literal["up", "right"]
Bundle = Literal["layer", "role"]
Collapse = Literal["mlps", "kv"]
ORIENTATIONS, BUNDLES, COLLAPSES = get_args(Orientation), get_args(Bundle), get_args(Collapse)


@dataclass(frozen=True)
class DrawingSettings:
    """Settings of a drawing. ValueError for values that mean nothing.

    size         width, greatest height, and size of text
    orientation  `up`: layers from the bottom to the top; `right`: from left to right
    top          the lines with the largest |score|, this many; None: all that can be read at this size
    min_score    lines whose |score| is at least this, in the metric's units
    heads_only   leave out MLPs and the edges at them
    bundle       one box for each layer's attention and one for its MLP, or one for the heads of each role; their edges
                 are merged
    collapse     `mlps`: one box for MLPs of neighboring layers; `kv`: one for a key-value head and the heads it serves
    """

    size: Size = SIZES["page"]
    orientation: Orientation = "up"
    top: int | None = None
    min_score: float | None = None
    heads_only: bool = False
    bundle: Bundle | None = None
    collapse: tuple[Collapse, ...] = ()

    def __post_init__(self) -> None:
        _require(self.orientation, ORIENTATIONS, "orientation")
        if self.bundle is not None:
            _require(self.bundle, BUNDLES, "bundle")
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
        if self.heads_only and "mlps" in self.collapse:
            raise ValueError("heads only, and MLPs collapsed: there are none. Give one of the two.")

    @property
    def is_automatic(self) -> bool:
        """Whether the drawing itself decides how many lines it shows."""
        return self.top is None and self.min_score is None


def _require(value: str, known: tuple[str, ...], what: str) -> None:
    lookup(dict.fromkeys(known), value, what)
