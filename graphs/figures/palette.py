"""Colors that mean something, in one place: told apart with any color vision, and in grey.

They are those of Okabe and Ito, with two dark ones of Tol's. Where two that stand side by side are of like lightness,
a second sign tells them apart as well: dashes, hatching, the shape of a marker.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from graphs.figures.canvas import INK, PAPER

if TYPE_CHECKING:
    from graphs.comparison.comparison import Membership

BLUE, ORANGE, INDIGO, GREEN, WINE = "#0072B2", "#E69F00", "#332288", "#009E73", "#882255"
VERMILION, PURPLE, SKY = "#D55E00", "#CC79A7", "#56B4E9"
GRAY, PALE_GRAY, GRID = "#5f6368", "#d9d9d9", "#e3e3e3"

SERIES = (BLUE, ORANGE, INDIGO, GREEN, WINE, INK)
"""Lines, bars and dots of one figure, in this order: each differs from all before it in lightness too."""

SUPPORTS, OPPOSES = VERMILION, BLUE
"""Positive and negative scores, as warm and cold as in the heat maps; negative ones are dashed or hatched as well."""

MEMBERSHIP: Mapping[Membership, str] = {"shared": "#3b3b3b", "only_a": BLUE, "only_b": ORANGE}
"""Lines and frames of what two circuits share, and of what either has alone."""

MEMBERSHIP_TINTS: Mapping[Membership, str] = {"shared": PALE_GRAY, "only_a": "#c9e3f3", "only_b": "#fbe7bf"}
"""The same as fills under text."""

ROLES = (PURPLE, SKY, GREEN, ORANGE, "#F0E442", WINE, INDIGO, BLUE)
"""Frames of heads by role, beside the role's name."""


def lightness(color: str) -> float:
    """How light a color is in grey: L* of CIE 1976, from 0 (black) to 100 (white)."""
    channels = (int(color[start : start + 2], 16) / 255 for start in (1, 3, 5))
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return 116 * luminance ** (1 / 3) - 16 if luminance > 0.008856 else 903.3 * luminance


def mixed(color: str, share: float, *, over: str = PAPER) -> str:
    """A color of which `share` (0 to 1) covers another: as if it let that through, which PostScript cannot."""
    parts = ((int(color[i : i + 2], 16), int(over[i : i + 2], 16)) for i in (1, 3, 5))
    return "#" + "".join(f"{round(below + share * (above - below)):02x}" for above, below in parts)
