"""Scenes of colored shapes on a textured, cluttered background, with the pixels of every object.

An object is of one of 36 *kinds*, a color and a shape. The kinds form nine *themes* of four, two colors in two
shapes, and a scene is about one theme: three objects in four belong to it, as long as it has kinds left, the others to
any kind. The first themes are the most frequent. So a red circle makes a green square likely, and both make a red
square likely, before anyone has looked, as a table does a chair: the language prior from which a model may
hallucinate.

All positions are pixels, counted from the upper left corner; boxes are half open.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from circuits.cached import cached_property

IMAGE_SIZE = 64
PATCH_SIZE = 8
N_PATCHES = (IMAGE_SIZE // PATCH_SIZE) ** 2

COLORS: dict[str, tuple[int, int, int]] = {
    "red": (205, 40, 40),
    "green": (45, 160, 60),
    "blue": (50, 80, 205),
    "yellow": (230, 205, 50),
    "purple": (150, 50, 170),
    "white": (240, 240, 240),
}
SHAPES = ("circle", "square", "triangle", "cross", "ring", "star")

SMALLEST, LARGEST = 10, 22  # side of an object's box
MOST_OBJECTS = 4
IN_THEME = 0.75
THEME_DECAY = 0.85  # how much rarer each theme is than the one before

_GAP = 1  # between the boxes of two objects
_SUPERSAMPLING = 6
_COLOR_SPREAD = 14.0  # standard deviation of an object's color about its name's, in levels of 255
_GRAIN = 9.0  # standard deviation of the noise on every pixel
_CLUTTER = (4, 12)  # fewest and most pieces

Image = NDArray[np.uint8]
Mask = NDArray[np.bool_]


class Kind(NamedTuple):
    """What an object is called."""

    color: str
    shape: str

    def __str__(self) -> str:
        return f"{self.color} {self.shape}"


KINDS = tuple(Kind(color, shape) for color in COLORS for shape in SHAPES)


def _themes() -> tuple[tuple[Kind, ...], ...]:
    colors = tuple(COLORS)
    return tuple(
        tuple(Kind(color, shape) for color in colors[row : row + 2] for shape in SHAPES[column : column + 2])
        for row in range(0, len(colors), 2)
        for column in range(0, len(SHAPES), 2)
    )


THEMES = _themes()


class Box(NamedTuple):
    """Pixels from `left` and `top` up to, not including, `right` and `bottom`."""

    left: int
    top: int
    right: int
    bottom: int

    def is_apart_from(self, other: Box, gap: int) -> bool:
        """Whether at least `gap` rows or columns lie between the two."""
        return (
            self.right + gap <= other.left
            or other.right + gap <= self.left
            or self.bottom + gap <= other.top
            or other.bottom + gap <= self.top
        )


@dataclass(frozen=True)
class SceneObject:
    """One object: its name, its square box and the color it is painted in."""

    kind: Kind
    box: Box
    paint: tuple[int, int, int]

    @property
    def opacity(self) -> NDArray[np.float32]:
        """[row, column] of its box: how far it covers each pixel."""
        return shape_opacity(self.kind.shape, self.box.right - self.box.left)

    def mask(self) -> Mask:
        """[row, column] of the image: the pixels that it changes."""
        mask = np.zeros((IMAGE_SIZE, IMAGE_SIZE), dtype=bool)
        mask[self.box.top : self.box.bottom, self.box.left : self.box.right] = self.opacity > 0
        return mask

    def patches(self) -> Mask:
        """[patch] in raster order: the patches with any of its pixels."""
        side = IMAGE_SIZE // PATCH_SIZE
        return self.mask().reshape(side, PATCH_SIZE, side, PATCH_SIZE).any(axis=(1, 3)).reshape(-1)


@dataclass(frozen=True, eq=False)
class Scene:
    """Objects before a background, in raster order of the patch that holds the upper left corner of their box.

    background  [row, column, channel]  texture and clutter
    grain       [row, column, channel]  noise that is added to everything
    """

    objects: tuple[SceneObject, ...]
    background: NDArray[np.float32]
    grain: NDArray[np.float32]

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """The names of its objects, all different."""
        return tuple(thing.kind for thing in self.objects)

    @cached_property
    def image(self) -> Image:
        """[row, column, channel] the scene as a picture."""
        canvas = self.background.copy()
        for thing in self.objects:
            left, top, right, bottom = thing.box
            opacity = thing.opacity[:, :, None]
            region = canvas[top:bottom, left:right]
            region += opacity * (np.asarray(thing.paint, dtype=np.float32) - region)
        return np.clip(canvas + self.grain, 0, 255).astype(np.uint8)


@lru_cache
def shape_opacity(shape: str, size: int) -> NDArray[np.float32]:
    """[row, column] how far a shape as large as a box of `size` pixels covers each of them, from 0 to 1."""
    n = size * _SUPERSAMPLING
    along = (np.arange(n) + 0.5) / n * 2 - 1
    x, y = along[None, :], along[:, None]
    inside = _INSIDE[shape](x, y) & np.ones((n, n), dtype=bool)
    return inside.reshape(size, _SUPERSAMPLING, size, _SUPERSAMPLING).mean(axis=(1, 3), dtype=np.float32)


def _is_in_star(x: NDArray[np.float64], y: NDArray[np.float64]) -> Mask:
    """Five points: inside at least four of the five half planes bounded by the lines of a pentagram."""
    angles = np.pi / 2 + 2 * np.pi / 5 * np.arange(5)
    # The lines of a pentagram of radius 1 pass its center at a distance of cos(72 degrees).
    below = [-(x * np.cos(a) - y * np.sin(a)) < np.cos(2 * np.pi / 5) for a in angles]
    return np.sum(below, axis=0) >= 4


_INSIDE = {
    "circle": lambda x, y: x**2 + y**2 < 1,
    "square": lambda x, y: np.maximum(abs(x), abs(y)) < 0.88,
    "triangle": lambda x, y: abs(x) < (y + 1) / 2,
    "cross": lambda x, y: np.minimum(abs(x), abs(y)) < 0.3,
    "ring": lambda x, y: (x**2 + y**2 < 1) & (x**2 + y**2 > 0.55**2),
    "star": _is_in_star,
}


def draw_kinds(generator: np.random.Generator, n_objects: int) -> tuple[Kind, ...]:
    """The kinds of one scene, all different."""
    weights = THEME_DECAY ** np.arange(len(THEMES))
    theme = THEMES[generator.choice(len(THEMES), p=weights / weights.sum())]
    drawn: list[Kind] = []
    for _ in range(n_objects):
        own = [kind for kind in theme if kind not in drawn]
        choices = own if own and generator.random() < IN_THEME else [kind for kind in KINDS if kind not in drawn]
        drawn.append(choices[generator.integers(len(choices))])
    return tuple(drawn)


def draw_scene(generator: np.random.Generator, n_objects: int) -> Scene:
    """A scene of `n_objects` objects."""
    kinds = draw_kinds(generator, n_objects)
    things = [
        SceneObject(kind, box, _draw_paint(generator, kind.color))
        for kind, box in zip(kinds, draw_boxes(generator, n_objects), strict=True)
    ]
    things.sort(key=lambda thing: (thing.box.top // PATCH_SIZE, thing.box.left // PATCH_SIZE))
    grain = _GRAIN * generator.standard_normal((IMAGE_SIZE, IMAGE_SIZE, 3), dtype=np.float32)
    return Scene(tuple(things), _draw_background(generator), grain)


def draw_scenes(generator: np.random.Generator, n: int, most_objects: int = MOST_OBJECTS) -> list[Scene]:
    """`n` scenes of one to `most_objects` objects, all counts equally often."""
    return [draw_scene(generator, count) for count in generator.integers(1, most_objects + 1, n).tolist()]


def draw_boxes(generator: np.random.Generator, n_objects: int, n_tries: int = 30) -> list[Box]:
    """Boxes of objects that keep clear of each other; starts over where there is no room for one."""
    boxes: list[Box] = []
    while len(boxes) < n_objects:
        size = int(generator.integers(SMALLEST, LARGEST + 1))
        corners = generator.integers(0, IMAGE_SIZE - size + 1, (n_tries, 2)).tolist()
        tried = (Box(left, top, left + size, top + size) for left, top in corners)
        fitting = next((box for box in tried if all(box.is_apart_from(other, _GAP) for other in boxes)), None)
        boxes = [] if fitting is None else [*boxes, fitting]
    return boxes


def _draw_paint(generator: np.random.Generator, color: str) -> tuple[int, int, int]:
    shifted = np.asarray(COLORS[color]) + _COLOR_SPREAD * generator.standard_normal(3)
    red, green, blue = np.clip(shifted, 0, 255).astype(int).tolist()
    return red, green, blue


def repainted(generator: np.random.Generator, thing: SceneObject, kind: Kind) -> SceneObject:
    """An object of another kind in the same box."""
    return SceneObject(kind, thing.box, _draw_paint(generator, kind.color))


def _draw_background(generator: np.random.Generator) -> NDArray[np.float32]:
    """[row, column, channel] blotches and stripes of a dull color, with pieces of clutter in the objects' colors."""
    base = generator.uniform(70, 140) + generator.normal(0, 16, 3)
    blotches = base + generator.normal(0, 18, (_BLEND.shape[1], _BLEND.shape[1], 3))
    canvas = np.tensordot(_BLEND, np.tensordot(_BLEND, blotches, axes=(1, 0)), axes=(1, 1)).astype(np.float32)
    frequency, phase = generator.uniform(-0.8, 0.8, 2), generator.uniform(0, 2 * np.pi)
    pixel = np.arange(IMAGE_SIZE)
    waves = np.sin(frequency[0] * pixel[:, None] + frequency[1] * pixel + phase)
    canvas += (generator.uniform(0, 14) * waves)[:, :, None].astype(np.float32)
    names = tuple(COLORS)
    for _ in range(generator.integers(*_CLUTTER, endpoint=True)):
        long, thin = generator.integers(3, 9), generator.integers(1, 4)
        height, width = (long, thin) if generator.random() < 0.5 else (thin, long)
        top, left = generator.integers(0, IMAGE_SIZE - 2, 2)
        piece = canvas[top : top + height, left : left + width]
        paint = np.asarray(_draw_paint(generator, names[generator.integers(len(names))]), dtype=np.float32)
        piece += np.float32(0.8) * (paint - piece)
    return canvas


def _blend(n_blotches: int) -> NDArray[np.float64]:
    """[pixel, blotch] weights that interpolate linearly between blotches along one axis."""
    position = np.linspace(0, n_blotches - 1, IMAGE_SIZE)
    return np.clip(1 - abs(position[:, None] - np.arange(n_blotches)), 0, 1)


_BLEND = _blend(6)


def images(scenes: Sequence[Scene]) -> Image:
    """[scene, row, column, channel]"""
    return np.stack([scene.image for scene in scenes])
