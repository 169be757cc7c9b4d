"""What of a scene is drawn: all of it, or a part chosen by a rule that the drawing states."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from graphs.annotations import Group
from graphs.figures.layered.filters import filter_rules, kept_lines
from graphs.figures.layered.looks import Membership, membership_of
from graphs.figures.layered.merge import grouped, merged
from graphs.figures.layered.scene import Box, Line, Scene
from graphs.figures.layered.settings import Collapse, DrawingSettings
from graphs.figures.layered.sheet import Words
from graphs.selection.growth import begin, grow

_MOST = 150  # lines that can be followed on a page
_PER_SQUARE_INCH = 3.5  # lines that can be followed, with text of 7 points
_SUMMARY = 64  # lines of a summary, where there is room
# Searches for a size try these, so that their faithfulness may be known.
_FEWER = (128, 96, 64, 48, 32, 24, 16, 12, 8, 6, 4, 3, 2, 1)
_NAMED = 3  # of what is not drawn
_ON_PATHS = "the {n} on the strongest paths"
_IN_TURN = ", in turn of what both have and what either has alone"
_BY = {
    "score": "the {n} strongest",
    "count": "the {n} that stand for most edges",
    "ends": "the {n} between the parts with the largest scores",
    None: "the first {n}: none has a score",
}


class PartFaithfulness(NamedTuple):
    """How faithful a part of a circuit is by itself, and on the same prompts the circuit.

    low, high  the ends of the part's interval; None where it is unbounded
    prompts    which prompts these are, in words
    """

    value: float
    low: float | None
    high: float | None
    whole: float | None
    prompts: str

    @property
    def text(self) -> str:
        """`faithfulness 0.43 [0.38, 0.48] of 0.85 on the prompts that chose`."""
        ends = "" if self.low is None or self.high is None else f" [{self.low:z.2f}, {self.high:z.2f}]"
        of = "" if self.whole is None else f" of {self.whole:z.2f}"
        return f"faithfulness {self.value:z.2f}{ends}{of} on {self.prompts}"


Measured = Callable[[frozenset[str]], PartFaithfulness | None]
"""What is known of the edges with these names alone; None where they were not run."""


class Shown(NamedTuple):
    """A part of a scene.

    rules     how it was chosen, in words; none where every edge is drawn by itself
    n_edges   how many edges of every circuit it stands for; `of_edges` of how many
    shares    which share of every circuit's summed |score| these have; None where nothing was scored
    missing   the strongest lines and parts that a drawing of its own choice leaves out, in words; None where there are
              none, and where the settings said how many are drawn
    advice    which options draw or show others than those; None where `missing` is
    """

    scene: Scene
    rules: tuple[str, ...]
    n_edges: tuple[int, ...]
    of_edges: tuple[int, ...]
    shares: tuple[float | None, ...]
    missing: str | None = None
    advice: str | None = None

    def on(self, words: Words, labels: Sequence[str] = (), part: PartFaithfulness | None = None) -> Words:
        """The words of a page with what the drawing shows, and what it does not; as `sentence` takes them."""
        said = [() if text is None else (text,) for text in (self.sentence(labels, part), self.missing, self.advice)]
        return words._replace(shown=said[0], missing=said[1], advice=said[2])

    def sentence(self, labels: Sequence[str] = (), part: PartFaithfulness | None = None) -> str | None:
        """`Shown: 60 of 636 edges, 71% of the score (the 60 strongest)`; None where every edge is drawn by itself,
        and of an empty circuit.

        labels  what the circuits are called, where there are several
        part    how faithful what is shown of a circuit is
        """
        if not self.rules or not self.n_edges:
            return None
        of = [""] if len(self.n_edges) == 1 else [f" of {label}" for label in labels]
        parts = []
        for n, total, share, label in zip(self.n_edges, self.of_edges, self.shares, of, strict=True):
            score = "" if share is None or n == total else f", {share:.0%} of the score"
            parts.append(f"{n:,} of {total:,} edges{label}{score}" if n < total else f"all {n:,} edges{label}")
        n_lines = len(self.scene.lines)
        is_merged = n_lines < sum(self.n_edges) and len(self.n_edges) == 1
        lines = f", as {n_lines} lines" if is_merged else ""
        faithful = "" if part is None else f", {part.text}"
        return f"Shown: {'; '.join(parts)}{lines}{faithful} ({', '.join(self.rules)})."


def most_lines(area: float, font: float) -> int:
    """How many lines can be followed on so many square inches, with text of so many points."""
    return min(_MOST, max(1, int(_PER_SQUARE_INCH * area * (7 / font) ** 2)))


def candidates(n_lines: int, settings: DrawingSettings, limit: int) -> list[int | None]:
    """How many of the strongest lines to draw, best first; None: all that the settings leave."""
    if not settings.is_automatic:
        return [settings.top, *(n for n in _FEWER if n < n_lines)]
    if n_lines <= limit:
        return [None, *(n for n in _FEWER if n < n_lines)]
    return [n for n in _FEWER if n <= min(limit, _SUMMARY)]


def show(scene: Scene, settings: DrawingSettings, n: int | None) -> Shown:
    """The lines that the settings leave, merged, and of those the `n` strongest. ValueError where none is left."""
    lines = kept_lines(scene, settings)
    part = merged(scene.with_lines(lines), settings) if lines else scene
    rules = (*filter_rules(scene, settings), *_rules(part, settings, n))
    missing = advice = None
    if n is not None and n < len(part.lines):
        whole_part, part = part, _grown(part, n) if _grows(part, settings) else _strongest(part, settings, n)
        if settings.is_automatic:
            missing, advice = not_drawn(whole_part, part.lines), _advice(whole_part, part.lines)
    n_edges, of_edges = (_counts(of) for of in (part, scene))
    shares = tuple(
        None if not (whole := _total(scene.lines, side)) else _share(scene, part, side, whole)
        for side in range(len(of_edges))
    )
    if settings.annotations is not None:
        settings.annotations.require_nodes(map(str, (part for box in scene.boxes.values() for part in box.parts)))
        part, before = grouped(part, settings.annotations), part
        rules = (*rules, *(["with groups made by hand"] if part is not before else []))
    return Shown(part, rules, n_edges, of_edges, shares, missing, advice)


def not_drawn(scene: Scene, lines: Sequence[Line], label: str | None = None) -> str | None:
    """`Not drawn: 572 edges, strongest a29.h1->logits (+0.41), ...; no edge of a29.h1, ...`, of the lines that a
    drawing of its own choice leaves out of a scene; None where it leaves out none.

    label  what the circuit is called, where there are several: then one of each is named

    A path is as strong as its weakest line, so that a strong line may be missing, and with it a strong head.
    """
    drawn = {line.name for line in lines}
    left = [index for index, line in enumerate(scene.lines) if line.name not in drawn]
    if not left:
        return None
    left.sort(key=lambda index: (-scene.sizes[index], index))
    at = {name for line in lines for name in (line.source, line.target)}
    missing = [box for box in scene.boxes.values() if box.name not in at and not box.is_bar]
    parts = [box.label for box in sorted(missing, key=lambda box: -box.size)]
    n_named = _NAMED if label is None else 1
    what = "line" if any(line.edge is None for line in scene.lines) else "edge"
    of = "" if label is None else f" of {label}"
    how = "such as" if scene.ranked_by is None else "strongest"
    names = _first([_named(scene.lines[index]) for index in left], n_named)
    without = f"; no {what} of {_first(parts, n_named)}" if parts else ""
    return f"Not drawn: {len(left):,} {what}{'' if len(left) == 1 else 's'}{of}, {how} {names}{without}."


def _advice(scene: Scene, lines: Sequence[Line]) -> str | None:
    """How to see what is not drawn; None where all is."""
    drawn = {line.name for line in lines}
    left = [size for size, line in zip(scene.sizes, scene.lines, strict=True) if line.name not in drawn]
    if not left:
        return None
    weakest = min((size for size, line in zip(scene.sizes, scene.lines, strict=True) if line.name in drawn), default=0)
    by_score = scene.ranked_by == "score" and max(left) > weakest
    instead = f"`--top {len(lines)}` draws the {len(lines)} strongest whatever their paths; " if by_score else ""
    return f"{instead}`--to html` shows all."


def _first(names: Sequence[str], n: int) -> str:
    """`a, b, c and 4 more`."""
    return f"{', '.join(names[:n])}{f' and {len(names) - n:,} more' if len(names) > n else ''}"


def _named(line: Line) -> str:
    """A line with its scores, where it has any."""
    scores = [f"{score:+z.3g}" for score in line.scores if score is not None]
    return f"{line.name} ({' and '.join(scores)})" if scores else line.name


def _counts(scene: Scene) -> tuple[int, ...]:
    """How many edges of every circuit the lines stand for."""
    return tuple(map(sum, zip(*(line.counts for line in scene.lines), strict=True)))


def _grows(part: Scene, settings: DrawingSettings) -> bool:
    """Whether the drawing chooses lines itself, and may choose whole paths: all lines of circuits, with scores."""
    return settings.is_automatic and not settings.is_filtered and part.wiring is not None and part.ranked_by == "score"


def _grown(part: Scene, n: int) -> Scene:
    """The lines on the strongest paths from `input` to `logits`, where a path is as strong as its weakest line.

    Of two circuits, it begins with a path of each kind of line, as far as there is room.
    """
    wiring = part.wiring
    assert wiring is not None
    number = [wiring.edge_index(line.edge) for line in part.lines if line.edge is not None]
    best = np.array([number[index] for index in _in_turn(part)])
    groups: dict[Membership | None, list[int]] = defaultdict(list)
    for edge, kind in zip(number, _kinds(part), strict=True):
        groups[kind].append(edge)
    rarest_first = [np.array(own) for own in sorted(groups.values(), key=len)]
    begun = begin(wiring, best, rarest_first, n) if len(groups) > 1 else None
    kept = grow(wiring, best, n, begun)
    return part.with_lines([line for line, edge in zip(part.lines, number, strict=True) if kept[edge]])


def _strongest(part: Scene, settings: DrawingSettings, n: int) -> Scene:
    if settings.top is not None and part.ranked_by is None:
        raise ValueError(
            f"top {n}: no edge of this circuit has a score, so that none is stronger than another. Bundle its edges by "
            "layer, or show heads only."
        )
    best = _in_turn(part) if settings.is_automatic else _by_size(part)
    kept = sorted(best[:n])
    return part.with_lines([part.lines[number] for number in kept])


def _by_size(part: Scene) -> list[int]:
    """The numbers of the lines, the strongest first."""
    return sorted(range(len(part.lines)), key=lambda number: (-part.sizes[number], number))


def _kinds(part: Scene) -> list[Membership | None]:
    """Which of two circuits has every line; None of one circuit's."""
    return [membership_of(line) if len(line.counts) == 2 else None for line in part.lines]


def _in_turn(part: Scene) -> list[int]:
    """The numbers of the lines, best first: of two circuits in turn the strongest line of each kind, so that what is
    drawn of a comparison has some that both have and some of either alone."""
    kinds, turns = _kinds(part), Counter[Membership | None]()
    turn_of = {}
    for number in _by_size(part):
        turn_of[number] = turns[kinds[number]]
        turns[kinds[number]] += 1
    return sorted(turn_of, key=turn_of.__getitem__)


def _total(lines: Sequence[Line], side: int) -> float:
    return sum(abs(line.scores[side] or 0.0) for line in lines)


def _share(scene: Scene, part: Scene, side: int, whole: float) -> float:
    """Of merged lines, each edge counts with its own |score|: those that cancel are shown all the same."""
    if len(part.boxes.keys() & scene.boxes.keys()) == len(part.boxes):
        return _total(part.lines, side) / whole
    box_of = {part_name: box.name for box in part.boxes.values() for part_name in map(str, box.parts)}
    drawn = {(line.source, line.target, line.port) for line in part.lines}
    ports = {name: box.ports for name, box in part.boxes.items()}
    inside = [
        line
        for line in scene.lines
        if (source := box_of.get(line.source)) is not None
        and (target := box_of.get(line.target)) is not None
        and (source, target, line.port if line.port in ports[target] else None) in drawn
    ]
    return _total(inside, side) / whole


def _collapsed(part: Scene, what: Collapse) -> str:
    """`MLPs collapsed`; `no MLPs to collapse` where no two of them could become one box."""
    is_mlps = what == "mlps"
    name = "MLPs" if is_mlps else "key-value heads"
    is_done = any(len(box.parts) > 1 and box.is_mlp == is_mlps for box in part.boxes.values())
    return f"{name} collapsed" if is_done else f"no {name} to collapse"


def _rules(part: Scene, settings: DrawingSettings, n: int | None) -> list[str]:
    rules = []
    if settings.bundle is not None:
        rules.append(f"bundled by {settings.bundle}")
    rules += [_collapsed(part, one) for one in dict.fromkeys(settings.collapse)]
    if n is not None and n < len(part.lines):
        rule = _ON_PATHS if _grows(part, settings) else _BY[part.ranked_by]
        is_in_turn = settings.is_automatic and len(set(_kinds(part))) > 1
        rules.append(rule.format(n=n) + (_IN_TURN if is_in_turn else ""))
    return rules


def notes_in(scene: Scene, settings: DrawingSettings) -> list[str]:
    """`movers: a3.h1, a3.h2` of each group that was made by hand, and `a3.h1: what was noted`, of what is drawn."""
    if settings.annotations is None:
        return []
    box_of = {str(part): box for box in scene.boxes.values() for part in box.parts}
    groups = (_members(group, box_of) for group in settings.annotations.groups)
    notes = settings.annotations.notes.items()
    return [
        *(text for text in groups if text is not None),
        *(f"{node}: {' '.join(note.split())}" for node, note in notes if node in box_of),
    ]


def _members(group: Group, box_of: Mapping[str, Box]) -> str | None:
    """Which nodes a group has in a drawing, and why they are not all in one box; None where none is drawn.

    box_of  name of a part -> the box that it is drawn in
    """
    drawn = [node for node in group.nodes if node in box_of]
    if not drawn:
        return None
    apart = [node for node in drawn if not {*map(str, box_of[node].parts)} <= {*group.nodes}]
    n_boxes = len({box_of[node].name for node in drawn if node not in apart})
    why = [f"{', '.join(apart)} in a box with others"] if apart else []
    if n_boxes > 1:
        why.append(f"{n_boxes} boxes, as a path leaves the group and comes back")
    if left := [node for node in group.nodes if node not in box_of]:
        why.append(f"not drawn: {', '.join(left)}")
    because = f" ({'; '.join(why)})" if why else ""
    return f"{' '.join(group.name.split())}: {', '.join(drawn)}{because}"
