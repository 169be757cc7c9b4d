"""Which lines of a scene the settings of a drawing leave, before any are merged or the strongest are taken.

The page (`graphs.export.page`) filters by the same rules in the browser.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from graphs.figures.layered.looks import membership_of
from graphs.figures.layered.scene import Line, Scene
from graphs.figures.layered.settings import DrawingSettings


class _Filter(NamedTuple):
    """What a filter keeps, what it is called where the rules of a drawing stand, and why it may leave nothing."""

    keeps: Callable[[Line], bool]
    rule: str
    leaves_nothing: str


def kept_lines(scene: Scene, settings: DrawingSettings) -> list[Line]:
    """The lines that pass every filter. ValueError, which says why, where one leaves none."""
    lines = list(scene.lines)
    for one in _filters(scene, settings):
        before = lines
        lines = [line for line in lines if one.keeps(line)]
        if before and not lines:
            raise ValueError(one.leaves_nothing)
    if settings.min_score is not None and lines:
        lines = _at_least(settings.min_score, scene, lines)
    return lines


def filter_rules(scene: Scene, settings: DrawingSettings) -> list[str]:
    """The filters in words."""
    rules = [one.rule for one in _filters(scene, settings)]
    return rules if settings.min_score is None else [*rules, f"|score| at least {settings.min_score:g}"]


def _filters(scene: Scene, settings: DrawingSettings) -> Iterator[_Filter]:
    boxes = scene.boxes
    if settings.heads_only:
        nothing = "heads only: every edge of this circuit is at an MLP, and nothing is left to draw."
        yield _Filter(
            lambda line: not any(boxes[name].is_mlp for name in (line.source, line.target)),
            "between heads only",
            nothing,
        )
    if settings.layers is not None:
        first, last = settings.layers
        present = [layers for box in boxes.values() if (layers := box.layers) is not None]
        ends = f"{min(low for low, _ in present)} to {max(high for _, high in present)}" if present else "none"
        yield _Filter(
            lambda line: all(_is_within(scene, name, first, last) for name in (line.source, line.target)),
            f"within layers {first} to {last}",
            f"layers {first}-{last}: no edge lies within them, and nothing is left to draw. The circuit has layers "
            f"{ends}.",
        )
    if settings.roles:
        known = dict.fromkeys(box.role for box in boxes.values() if box.role is not None)
        roles = set(settings.roles)
        way_out = (
            f"Roles of its heads: {', '.join(known)}."
            if known
            else "Its heads have none: `circuits roles RUN` finds them, and `circuits export RUN --with FOLDER` draws "
            "them from its folder."
        )
        yield _Filter(
            lambda line: bool({boxes[line.source].role, boxes[line.target].role} & roles),
            f"at heads with the role {' or '.join(settings.roles)}",
            f"role {' or '.join(settings.roles)}: no head of this circuit has it. {way_out}",
        )
    if settings.ports:
        yield _Filter(
            lambda line: line.port in settings.ports,
            f"into {' or '.join(settings.ports)} only",
            f"port {' or '.join(settings.ports)}: no edge of this circuit enters there, and nothing is left to draw.",
        )
    if settings.only is not None:
        if any(len(line.counts) != 2 for line in scene.lines):
            raise ValueError(f"only {settings.only}: that is asked of a comparison of two circuits. Leave it out.")
        wanted = {"shared": ("shared", "flipped"), "a": ("only_a",), "b": ("only_b",)}[settings.only]
        yield _Filter(
            lambda line: membership_of(line) in wanted,
            "shared edges only" if settings.only == "shared" else f"edges of {settings.only} alone",
            f"only {settings.only}: there are no such edges, and nothing is left to draw.",
        )


def _is_within(scene: Scene, name: str, first: int, last: int) -> bool:
    """Whether a box lies within layers; `input` and `logits` lie in none, and are no reason to leave a line out."""
    layers = scene.boxes[name].layers
    return layers is None or (first <= layers[0] and layers[1] <= last)


def _at_least(minimum: float, scene: Scene, lines: Sequence[Line]) -> list[Line]:
    kept = [line for line in lines if line.size >= minimum]
    if not kept:
        largest = max((line.size for line in lines), default=0.0)
        found = f"the largest |score| is {largest:.3g}" if scene.ranked_by == "score" else "no edge has a score"
        raise ValueError(f"min_score {minimum:g} leaves nothing to draw: {found}.")
    return kept
