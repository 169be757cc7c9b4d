"""Where the boxes of a scene stand. Pure geometry in inches; nothing is drawn here.

A drawing has two directions: *along*, in which the model runs, and *across*. Boxes of one rank stand in one row across,
as do heads and MLPs of one layer that no line connects. Boxes stand near the mean of what lines connect them to. A
key-value head stands beside the heads that it serves, with no gap; heads of one role stand together.

Crossings are reduced as in layered graph drawing (Sugiyama, Tagawa and Toda 1981): sweeps that order every row by the
mean place of its neighbors, of which the ordering with the fewest crossings is kept; then neighbors in a row change
places wherever that leaves fewer.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from circuits.arrays import Floats, Numbers
from graphs.figures.layered.scene import Scene

GAP, LEAST_GAP = 0.12, 0.05  # between neighbors in a row
ROW_GAP, LEAST_ROW_GAP = 0.32, 0.075  # between the boxes of neighboring rows
_LEAST_ACROSS = 2.2  # of a drawing of few boxes
_PER_LINE, _FOLLOWED = 0.012, 150  # across that a line may need to pass, of this many lines at most
_SWEEPS, _PASSES = 12, 4
_COUNTED = 300  # crossings are counted among this many of the strongest lines
_TO_MIDDLE = 0.1  # how strongly a row is drawn to the middle, beside lines of 0.1 to 1.1

Unit = tuple[str, ...]


class NoRoomError(ValueError):
    """The boxes of a scene do not fit."""

    def __init__(self, needs: tuple[float, float], room: tuple[float, float]) -> None:
        (across, along), (free_across, free_along) = needs, (max(0.0, inches) for inches in room)
        super().__init__(
            f"the boxes need {across:.1f} inches across the layers and {along:.1f} along them; beside the words there "
            f"are {free_across:.1f} and {free_along:.1f}"
        )


@dataclass(frozen=True)
class Extents:
    """How far boxes reach, in inches: `across` by name, and `along`, by name too."""

    across: Mapping[str, float]
    along: Mapping[str, float]


@dataclass(frozen=True)
class Places:
    """Coordinates in inches, from where the model begins.

    rows     the boxes of every row, in the order in which they stand
    spans    box -> (lowest, highest) place across
    along    box -> its middle
    depths   box -> how far it reaches along
    across, length   of the whole drawing
    """

    rows: tuple[tuple[str, ...], ...]
    spans: Mapping[str, tuple[float, float]]
    along: Mapping[str, float]
    depths: Mapping[str, float]
    across: float
    length: float

    def middle(self, name: str) -> float:
        low, high = self.spans[name]
        return (low + high) / 2


def place(scene: Scene, extents: Extents, across: float, along: float = math.inf) -> Places:
    """Boxes in rows of at most `across` inches, `along` in all. NoRoomError where they do not fit. Deterministic."""
    rows = _rows(scene)
    if not rows:
        return Places((), {}, {}, {}, across, 0.0)
    needs = least_extent(scene, extents)
    if needs[0] > across or needs[1] > along:
        raise NoRoomError(needs, (across, along))
    depths = [_depth(row, extents) for row in rows]
    gap = min(ROW_GAP, (along - sum(depths)) / (len(rows) - 1)) if len(rows) > 1 else 0.0
    starts = np.concatenate([[0.0], np.cumsum([depth + gap for depth in depths[:-1]])])
    middles = {name: float(start + depth / 2) for row, start, depth in zip(rows, starts, depths, strict=True)
               for unit in row for name in unit}  # fmt: skip
    order = _Order(scene, rows, middles, extents, across)
    order.reduce_crossings()
    spans = {name: (0.0, across) if scene.boxes[name].is_bar else order.span(name) for name in scene.boxes}
    return Places(
        tuple(tuple(name for unit in row for name in unit) for row in order.rows),
        spans,
        middles,
        {name: extents.along[name] for name in scene.boxes},
        across,
        float(starts[-1] + depths[-1]),
    )


def least_extent(scene: Scene, extents: Extents) -> tuple[float, float]:
    """Inches across and along without which the boxes do not fit."""
    rows = _rows(scene)
    across = [
        sum(extents.across[name] for unit in row for name in unit) + LEAST_GAP * (len(row) - 1)
        for row in rows
        if not _is_bar(scene, row)
    ]
    along = sum(_depth(row, extents) for row in rows) + LEAST_ROW_GAP * (len(rows) - 1)
    return max(across, default=0.01), along


def _depth(row: Sequence[Unit], extents: Extents) -> float:
    return max(extents.along[name] for unit in row for name in unit)


def comfortable(scene: Scene, extents: Extents) -> float:
    """Inches across in which boxes have gaps and lines have room to pass: more only makes lines longer."""
    by_rank: dict[tuple[float, int], float] = {}
    for name, box in scene.boxes.items():
        if not box.is_bar:
            by_rank[box.rank] = by_rank.get(box.rank, 0.0) + extents.across[name] + GAP
    roomy = 1.3 * max(by_rank.values(), default=0.0) + _PER_LINE * min(_FOLLOWED, len(scene.lines))
    # Rows of key-value heads hold their query heads as well: several ranks.
    return max(_LEAST_ACROSS, roomy, least_extent(scene, extents)[0])


def _is_bar(scene: Scene, row: Sequence[Unit]) -> bool:
    return scene.boxes[row[0][0]].is_bar


def _rows(scene: Scene) -> list[list[Unit]]:
    """Units by row: boxes of one rank, joined with those of the next in their layer where no line leads between."""
    led = {head for heads in scene.serves.values() for head in heads}
    leading = {heads[0]: group for group, heads in scene.serves.items()}
    ranks: dict[tuple[float, int], list[Unit]] = defaultdict(list)
    for name, box in scene.boxes.items():
        if name in leading:
            group = leading[name]
            ranks[box.rank].append((group, *scene.serves[group]))
        elif name not in led and name not in scene.serves:
            ranks[box.rank].append((name,))
    linked = {(line.source, line.target) for line in scene.lines}
    rows: list[list[Unit]] = []
    previous: tuple[float, int] | None = None
    for rank in sorted(ranks):
        row = sorted(ranks[rank], key=lambda unit: scene.boxes[unit[-1]].parts[0].order)
        if previous is not None and previous[0] == rank[0] and not _are_linked(rows[-1], row, linked):
            rows[-1] += row
        else:
            rows.append(row)
        previous = rank
    return rows


def _are_linked(before: Sequence[Unit], row: Sequence[Unit], linked: set[tuple[str, str]]) -> bool:
    return any((a, b) in linked for one in before for a in one for other in row for b in other)


class _Order:
    """The order of every row and where that puts its boxes."""

    def __init__(
        self,
        scene: Scene,
        rows: Sequence[Sequence[Unit]],
        middles: Mapping[str, float],
        extents: Extents,
        across: float,
    ) -> None:
        self.rows = [list(row) for row in rows]
        self._boxes, self._extents, self._across = scene.boxes, extents, across
        self._number = {name: number for number, name in enumerate(scene.boxes)}
        self._xs = np.full(len(scene.boxes), across / 2)
        self._bars = np.array([box.is_bar for box in scene.boxes.values()])
        sizes = np.array(scene.sizes)
        pulls = 0.1 + sizes / (sizes.max(initial=0.0) or 1.0)
        ends = np.array([[self._number[line.source], self._number[line.target]] for line in scene.lines]).reshape(-1, 2)
        strongest = np.argsort(-sizes, kind="stable")[:_COUNTED]
        self._ends = ends[strongest]
        self._ys = np.array([middles[name] for name in scene.boxes])
        self._pulled = self._neighbors(ends, pulls)
        for row in self.rows:
            self._stand(row, np.full(len(row), across / 2))

    def _neighbors(self, ends: Numbers, pulls: Floats) -> list[tuple[Numbers, Floats]]:
        """Of every box, the boxes it is drawn to and how strongly; bars draw nothing, as they are everywhere."""
        free = ~(self._bars[ends[:, 0]] | self._bars[ends[:, 1]])
        inner, own = ends[free], pulls[free]
        both = np.concatenate([inner, inner[:, ::-1]])
        order = np.argsort(both[:, 0], kind="stable")
        both, own = both[order], np.concatenate([own, own])[order]
        starts = np.searchsorted(both[:, 0], np.arange(len(self._bars) + 1))
        return [(both[a:b, 1], own[a:b]) for a, b in pairwise(starts)]

    def span(self, name: str) -> tuple[float, float]:
        middle, half = float(self._xs[self._number[name]]), self._extents.across[name] / 2
        return middle - half, middle + half

    def reduce_crossings(self) -> None:
        best = self._crossings(), [list(row) for row in self.rows], self._xs.copy()
        for sweep in range(_SWEEPS):
            for row in self.rows if sweep % 2 else reversed(self.rows):
                if not self._is_bar(row):
                    wanted = self._wanted(row)
                    order = self._sorted(row, wanted)
                    row[:] = [row[index] for index in order]
                    self._stand(row, wanted[order])
            count = self._crossings()
            if count < best[0]:
                best = count, [list(row) for row in self.rows], self._xs.copy()
        count, self.rows, self._xs = best
        for _ in range(_PASSES):
            before = count
            for row in self.rows:
                count = self._swap_neighbors(row, count)
            if count == before:
                break
        self._center()

    def _is_bar(self, row: Sequence[Unit]) -> bool:
        return self._boxes[row[0][0]].is_bar

    def _swap_neighbors(self, row: list[Unit], count: int) -> int:
        """Let neighbors change places where that leaves fewer crossings; the number that is left."""
        for index in range(len(row) - 1):
            swapped = [*row]
            swapped[index : index + 2] = row[index + 1], row[index]
            if not self._keeps_roles(swapped):
                continue
            kept = self._xs.copy()
            self._stand(swapped, self._wanted(swapped))
            if (fewer := self._crossings()) < count:
                row[:], count = swapped, fewer
            else:
                self._xs = kept
        return count

    def _role(self, unit: Unit) -> str | None:
        return next((role for name in unit if (role := self._boxes[name].role) is not None), None)

    def _keeps_roles(self, row: Sequence[Unit]) -> bool:
        """Whether the units of each role stand together."""
        roles = [self._role(unit) for unit in row]
        changes = [role for before, role in pairwise([None, *roles]) if role is not None and role != before]
        return len(changes) == len(set(changes))

    def _sorted(self, row: Sequence[Unit], wanted: Floats) -> list[int]:
        """Units by where they want to stand; those of a role by where they want to stand together."""
        own: dict[object, list[float]] = defaultdict(list)
        keys = [self._role(unit) or index for index, unit in enumerate(row)]
        for key, place_wanted in zip(keys, wanted, strict=True):
            own[key].append(float(place_wanted))
        means = [sum(own[key]) / len(own[key]) for key in keys]
        return sorted(
            range(len(row)), key=lambda index: (round(means[index], 9), str(keys[index]), wanted[index], index)
        )

    def _wanted(self, row: Sequence[Unit]) -> Floats:
        """Where the middle of each unit would stand by what its boxes are drawn to."""
        wanted = np.empty(len(row))
        for index, unit in enumerate(row):
            total, weight = _TO_MIDDLE * self._across / 2, _TO_MIDDLE
            for name, offset in zip(unit, self._offsets(unit), strict=True):
                others, pulls = self._pulled[self._number[name]]
                total += float((pulls * (self._xs[others] - offset)).sum())
                weight += float(pulls.sum())
            wanted[index] = total / weight
        return wanted

    def _offsets(self, unit: Unit) -> Floats:
        """The middles of a unit's boxes, from the middle of the unit."""
        widths = np.array([self._extents.across[name] for name in unit])
        return np.cumsum(widths) - widths / 2 - widths.sum() / 2

    def _stand(self, row: Sequence[Unit], wanted: Floats) -> None:
        """Put units in this order as near as can be to where they want to stand (least squares), none on another."""
        widths = np.array([sum(self._extents.across[name] for name in unit) for unit in row])
        if self._is_bar(row):
            return
        gap = min(GAP, (self._across - widths.sum()) / max(1, len(row) - 1))
        steps = np.concatenate([[0.0], np.cumsum((widths[:-1] + widths[1:]) / 2 + gap)])
        room = self._across - widths[-1] / 2 - steps[-1]
        middles = np.clip(rising(wanted - steps), widths[0] / 2, max(room, widths[0] / 2)) + steps
        for unit, middle in zip(row, middles, strict=True):
            for name, offset in zip(unit, self._offsets(unit), strict=True):
                self._xs[self._number[name]] = middle + offset

    def _center(self) -> None:
        """Move everything to the middle of the drawing."""
        spans = [self.span(name) for name, box in self._boxes.items() if not box.is_bar]
        if spans:
            low, high = min(low for low, _ in spans), max(high for _, high in spans)
            self._xs += (self._across - low - high) / 2

    def _crossings(self) -> int:
        """How many pairs of lines cross, were all straight. A line from or to a bar leads straight along."""
        first, second = self._ends.T
        x0, x1, y0, y1 = self._xs[first], self._xs[second], self._ys[first], self._ys[second]
        x0, x1 = np.where(self._bars[first], x1, x0), np.where(self._bars[second], x0, x1)
        return crossings(np.column_stack([x0, y0]), np.column_stack([x1, y1]))


def crossings(starts: Floats, ends: Floats) -> int:
    """Pairs of straight lines that cross, each from [line, 2] `starts` to `ends`, whose second number is larger."""
    (x0, y0), (x1, y1) = starts.T, ends.T
    slopes = (x1 - x0) / (y1 - y0)
    low, high = np.maximum(y0[:, None], y0), np.minimum(y1[:, None], y1)
    at_low = (x0 + slopes * (low - y0)) - (x0[:, None] + slopes[:, None] * (low - y0[:, None]))
    at_high = (x0 + slopes * (high - y0)) - (x0[:, None] + slopes[:, None] * (high - y0[:, None]))
    do_cross = (low < high) & (at_low * at_high < -1e-12)
    return int(do_cross.sum()) // 2


def rising(values: Floats) -> Floats:
    """The numbers that never fall and are nearest to these (least squares): pooled adjacent violators."""
    means: list[float] = []
    counts: list[int] = []
    for value in values:
        mean, count = float(value), 1
        while means and means[-1] >= mean:
            mean, count = (mean * count + means[-1] * counts[-1]) / (count + counts[-1]), count + counts[-1]
            means.pop()
            counts.pop()
        means.append(mean)
        counts.append(count)
    return np.repeat(means, counts)
