"""The layered drawing of two circuits on one another, colored by what they share."""

from __future__ import annotations

from graphs.comparison.comparison import Comparison
from graphs.comparison.overlap import Overlap
from graphs.figures.canvas import INK
from graphs.figures.layered.composition import Composition, compose
from graphs.figures.layered.legend import Entry, port_entries, serving_entries
from graphs.figures.layered.looks import (
    MEMBERSHIP_COLORS,
    MEMBERSHIP_FILLS,
    BoxLook,
    LineLook,
    Membership,
    box_owners,
    compared_box_looks,
    compared_looks,
    membership_of,
)
from graphs.figures.layered.scene import scene_of
from graphs.figures.layered.settings import DrawingSettings
from graphs.figures.layered.sheet import Words
from graphs.figures.layered.shown import Shown, notes_in
from graphs.figures.sizes import Size
from graphs.figures.subtitle import subtitle_of_several


def compose_comparison(comparison: Comparison, settings: DrawingSettings) -> Composition:
    """Two circuits: what both have, what either has alone, and what both have with opposite signs.

    ValueError where the settings leave nothing to draw, or more than fits.
    """
    nodes = comparison.node_membership()
    return compose(
        scene_of([comparison.a, comparison.b]),
        settings,
        lambda shown: _words(comparison, shown, settings),
        boxes=lambda scene: compared_box_looks(scene, nodes),
        lines=compared_looks,
    )


def membership_names(comparison: Comparison) -> dict[Membership, str]:
    """What the colors mean."""
    a, b = comparison.labels
    return {"shared": "shared", "only_a": f"only in {a}", "only_b": f"only in {b}", "flipped": "shared, sign flipped"}


def _words(comparison: Comparison, shown: Shown, settings: DrawingSettings) -> Words:
    labels, sides, size = comparison.labels, (comparison.a, comparison.b), settings.size
    further = [*_overlap_lines(comparison), *notes_in(shown.scene, settings)]
    subtitle = subtitle_of_several(sides, labels, briefly=True)
    note = None if shown.scene.lines else "Both circuits are empty."
    legend = _legend(comparison, shown, size)
    words = Words("  and  ".join(labels), subtitle, further=further, legend=legend, note=note)
    return shown.on(words, labels)


def _legend(comparison: Comparison, shown: Shown, size: Size) -> list[Entry]:
    """What is drawn: an entry for each color that a box or a line has, and none for others."""
    drawn: set[Membership] = {membership_of(line) for line in shown.scene.lines}
    drawn |= set(box_owners(shown.scene, comparison.node_membership()).values())
    entries = [
        Entry(name, BoxLook(MEMBERSHIP_FILLS[kind], MEMBERSHIP_COLORS[kind], 1.3), size)
        for kind, name in membership_names(comparison).items()
        if kind != "flipped" and kind in drawn
    ]
    if "flipped" in drawn:
        flipped = LineLook(MEMBERSHIP_COLORS["flipped"], 0.7, "dashdot")
        entries.append(Entry(membership_names(comparison)["flipped"], flipped, size))
    if any(look.dashes == "dashed" for look in compared_looks(shown.scene)):
        entries.append(Entry("negative: works against", LineLook(INK, 0.7, "dashed"), size))
    if shown.scene.ranked_by == "score":
        entries.append(Entry("wider: larger |score| in its circuit", None, size))
    return [*entries, *port_entries(shown.scene, size), *serving_entries(shown.scene, size)]


def _overlap_lines(comparison: Comparison) -> list[str]:
    """Sizes of both circuits and the overlap, as numbers."""
    sides = zip(comparison.labels, (comparison.a, comparison.b), strict=True)
    reuse = comparison.reuse
    lines = [f"{label}: {side.description}" for label, side in sides]
    if comparison.a.wiring.joins_heads:
        return [*lines, _overlap_line("attention of layers", reuse.heads), _overlap_line("nodes", reuse.nodes)]
    return [*lines, _overlap_line("heads", reuse.heads), _overlap_line("edges", reuse.edges)]


def _overlap_line(what: str, overlap: Overlap) -> str:
    if overlap.iou is None:
        return f"{what}: none in either circuit"
    line = f"{what}: {overlap.n_shared} shared of {overlap.n_either} (IoU {overlap.iou:.2f}"
    if overlap.p_value is None:
        return f"{line}; those among the chosen components)"
    p_value = f"p = {overlap.p_value:z.2g}" if overlap.can_tell else "too few to tell"
    return f"{line}; by chance {overlap.expected_iou or 0:z.2f}, {p_value})"
