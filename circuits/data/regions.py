"""Regions: where an object is in an image, as COCO writes it, and which patches of the image it covers.

Coordinates are pixels from the upper left corner of the image: pixel 0 reaches from 0 to 1. A region is written in JSON
as COCO does: a box `[x, y, width, height]`, polygons `[[x1, y1, x2, y2, ...], ...]`, or run lengths
`{"counts": [...], "size": [height, width]}`, down the columns, beginning with the pixels that are not covered.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]

LEAST_SHARE = 0.1
"""An outline is good to about a pixel: a patch of 14 x 14 that an object only touches along a side has 7 % of it."""

_LARGEST = 1e6  # pixels; anything beyond is a mistake, and would overflow the drawing of polygons
_FINENESS = 4  # polygons are drawn on a grid so many times finer than the pixels, in each direction
_DIGITS = 6  # a box that was computed, as 0.07 * 100, misses the edge of a pixel by a rounding error
_KNOWN = 'a box [x, y, width, height], polygons [[x1, y1, ...], ...] or run lengths {"counts": [...], "size": [h, w]}'


@dataclass(frozen=True)
class Box:
    """A box: every pixel that it overlaps, and the one it lies in where it is narrower than a pixel."""

    x: float
    y: float
    width: float
    height: float

    def __post_init__(self) -> None:
        _check_numbers(self.as_json(), "box")
        if self.width < 0 or self.height < 0:
            raise ValueError(
                f"box {self.as_json()} has a negative size: give [x, y, width, height] from its upper left corner."
            )

    def as_json(self) -> list[float]:
        """`[x, y, width, height]`"""
        return [self.x, self.y, self.width, self.height]

    def mask(self, size: tuple[int, int]) -> Mask:
        """[row, column] the pixels of an image of (height, width) that it covers."""
        mask = np.zeros(size, dtype=bool)
        mask[_overlapped(self.y, self.height, size[0]), _overlapped(self.x, self.width, size[1])] = True
        return mask


@dataclass(frozen=True)
class Polygons:
    """The parts of an object, each as (x1, y1, x2, y2, ...): the pixels of which one part covers about half or more.

    Where that is none, as in an object thinner than half a pixel, the pixels that it touches.
    """

    parts: tuple[tuple[float, ...], ...]

    def __post_init__(self) -> None:
        if not self.parts:
            raise ValueError("no polygon given: give at least one, as [[x1, y1, x2, y2, x3, y3, ...]].")
        for part in self.parts:
            _check_numbers(part, "polygon")
            if len(part) < 6 or len(part) % 2:
                raise ValueError(
                    f"a polygon holds {len(part)} numbers, {_start_of(part)}; expected x and y of 3 or more points. "
                    "A box is [x, y, width, height], without inner brackets."
                )

    def as_json(self) -> list[list[float]]:
        """`[[x1, y1, x2, y2, ...], ...]`"""
        return [list(part) for part in self.parts]

    def mask(self, size: tuple[int, int]) -> Mask:
        """[row, column] the pixels of an image of (height, width) that it covers."""
        shares = [_polygon_shares(part, size) for part in self.parts]
        covered = np.any([share >= 0.5 for share in shares], axis=0)
        return covered if covered.any() else np.any([share > 0 for share in shares], axis=0)


@dataclass(frozen=True)
class RunLengths:
    """A mask of an image of (height, width), down its columns: how many pixels are off, then on, then off, ..."""

    counts: tuple[int, ...]
    size: tuple[int, int]

    def __post_init__(self) -> None:
        _check_size(self.size)
        height, width = self.size
        if any(not _is_whole(count) or count < 0 for count in self.counts):
            raise ValueError(f"counts of run lengths hold {_start_of(self.counts)}, expected whole numbers from 0.")
        if sum(self.counts) != height * width:
            raise ValueError(
                f"run lengths add up to {sum(self.counts)} pixels, but an image of {height} x {width} (height x width) "
                f"has {height * width}."
            )

    @classmethod
    def from_mask(cls, mask: Mask) -> RunLengths:
        """The run lengths of a mask [row, column]."""
        if mask.ndim != 2 or mask.dtype != np.bool_:
            raise ValueError(f"the mask is {mask.dtype} of shape {mask.shape}, expected bool [row, column].")
        down = np.concatenate([[False], mask.ravel(order="F")])
        changes = np.flatnonzero(down[1:] != down[:-1])
        counts = np.diff(np.concatenate([[0], changes, [mask.size]]))
        return cls(tuple(counts.tolist()), (mask.shape[0], mask.shape[1]))

    def as_json(self) -> dict[str, list[int]]:
        """`{"counts": [...], "size": [height, width]}`"""
        return {"counts": list(self.counts), "size": list(self.size)}

    def mask(self, size: tuple[int, int]) -> Mask:
        """[row, column] the pixels of an image of (height, width) that it covers."""
        if self.size != tuple(size):
            raise ValueError(
                f"run lengths are of an image of {self.size[0]} x {self.size[1]} (height x width), but the image has "
                f"{size[0]} x {size[1]}: give those of this image, at its size."
            )
        is_on = np.arange(len(self.counts)) % 2 == 1
        return np.repeat(is_on, self.counts).reshape(self.size, order="F")


Region: TypeAlias = Box | Polygons | RunLengths


def region_from_json(value: Any) -> Region:
    """The region that `as_json` of one has written, or that COCO holds as `bbox` or `segmentation`.

    ValueError where it is neither a box, nor polygons, nor run lengths as numbers.
    """
    if isinstance(value, Mapping):
        return _run_lengths(value)
    if isinstance(value, Sequence) and not isinstance(value, str) and value:
        if all(isinstance(part, Sequence) and not isinstance(part, str) for part in value):
            return Polygons(tuple(tuple(part) for part in value))
        if len(value) == 4:
            return Box(*value)
    raise ValueError(f"no region: found {_start_of(value)}, expected {_KNOWN}.")


def region_mask(regions: Sequence[Region], size: tuple[int, int]) -> Mask:
    """[row, column] the pixels of an image of (height, width) that any of the regions covers.

    Regions that reach over its border are clipped. ValueError where one lies outside the image altogether.
    """
    _check_size(size)
    union = np.zeros(size, dtype=bool)
    for region in regions:
        mask = region.mask(size)
        if not mask.any():
            raise ValueError(
                f"the region {_start_of(region.as_json())} covers no pixel of the image of {size[0]} x {size[1]} "
                "(height x width): give regions in pixels of this image, counted from its upper left corner."
            )
        union |= mask
    return union


def patch_shares(mask: Mask, patch: int) -> NDArray[np.float64]:
    """[row, column] of patches of `patch` x `patch` pixels: the share of each that `mask` [row, column] covers."""
    height, width = mask.shape
    if patch < 1 or height % patch or width % patch:
        raise ValueError(
            f"a mask of {height} x {width} pixels does not divide into patches of {patch} x {patch}: give the mask at "
            "the size that the model sees."
        )
    return mask.reshape(height // patch, patch, width // patch, patch).mean(axis=(1, 3), dtype=np.float64)


def patches_of(coverage: NDArray[np.floating], *, least_share: float = LEAST_SHARE) -> NDArray[np.intp]:
    """The patches that belong to an object, as numbers in raster order, row by row from the upper left.

    coverage     [row, column] the share of each patch that the object covers
    least_share  a patch belongs to the object from this share on

    Where none reaches it, as with a tiny object, the one patch with the largest share. ValueError where the object
    covers nothing.
    """
    if not 0 < least_share <= 1:
        raise ValueError(f"least_share is {least_share}, expected a share above 0 and up to 1.")
    shares = np.asarray(coverage, dtype=np.float64).reshape(-1)
    if not (shares > 0).any():
        raise ValueError(
            "the object covers none of the patches that the model sees: it was cropped away. Leave the question out, "
            "or give an image that shows the object nearer to its center."
        )
    patches = np.flatnonzero(shares >= least_share)
    return patches if len(patches) else np.asarray([shares.argmax()])


def _overlapped(start: float, length: float, limit: int) -> slice:
    """The pixels that an interval overlaps, of those from 0 up to `limit`."""
    first = math.floor(round(start, _DIGITS))
    last = max(math.ceil(round(start + length, _DIGITS)), first + 1)
    return slice(min(max(first, 0), limit), min(max(last, 0), limit))


def _polygon_shares(part: Sequence[float], size: tuple[int, int]) -> NDArray[np.float64]:
    """[row, column] the share of each pixel that a polygon covers, to about one column or row of the finer grid."""
    from PIL import Image, ImageDraw

    points = np.asarray(part, dtype=np.float64).reshape(-1, 2)
    (x, y), (width, height) = points.min(axis=0).tolist(), np.ptp(points, axis=0).tolist()
    # Only the box around the polygon is drawn, so that the cost is that of the object, not of the image.
    rows, columns = _overlapped(y, height, size[0]), _overlapped(x, width, size[1])
    shares = np.zeros(size)
    if rows.start < rows.stop and columns.start < columns.stop:
        finer = Image.new("1", ((columns.stop - columns.start) * _FINENESS, (rows.stop - rows.start) * _FINENESS))
        drawn = np.floor((points - (columns.start, rows.start)) * _FINENESS)
        ImageDraw.Draw(finer).polygon(drawn.ravel().tolist(), fill=1)
        shares[rows, columns] = patch_shares(np.asarray(finer), _FINENESS)
    return shares


def _run_lengths(value: Mapping[str, Any]) -> RunLengths:
    if missing := {"counts", "size"} - value.keys():
        raise ValueError(f"run lengths lack {', '.join(map(repr, sorted(missing)))}; found {sorted(value)}.")
    counts, size = value["counts"], value["size"]
    if isinstance(counts, str | bytes):
        raise ValueError(
            "the counts are a text: compressed run lengths are not read. Give polygons, a box, or uncompressed run "
            'lengths {"counts": [5, 3, ...], "size": [height, width]}.'
        )
    if not isinstance(counts, Sequence) or not isinstance(size, Sequence):
        raise ValueError(f"run lengths hold {_start_of(value)}, expected lists of whole numbers.")
    return RunLengths(tuple(counts), tuple(size))


def _check_size(size: Sequence[int]) -> None:
    if len(size) != 2 or any(not _is_whole(length) or length < 1 for length in size):
        raise ValueError(f"the size of the image is {_start_of(size)}, expected (height, width) in pixels.")


def _check_numbers(numbers: Sequence[Any], what: str) -> None:
    for number in numbers:
        # NaN fails the comparison as well.
        if not isinstance(number, int | float) or isinstance(number, bool) or not abs(number) <= _LARGEST:
            raise ValueError(f"a {what} holds {number!r}, expected numbers of pixels up to {_LARGEST:.0f}.")


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _start_of(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
