"""Regions cover the pixels that COCO means, and the patches that one would mark by hand."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from circuits.data.regions import (
    Box,
    Polygons,
    Region,
    RunLengths,
    patch_shares,
    patches_of,
    region_from_json,
    region_mask,
)

SIZE = (12, 16)  # height, width
masks = arrays(bool, array_shapes(min_dims=2, max_dims=2, max_side=7))


def covered(*regions: Region, size: tuple[int, int] = SIZE) -> tuple[list[int], list[int], int]:
    """First and last row, first and last column, number of pixels."""
    mask = region_mask(regions, size)
    rows, columns = np.nonzero(mask)
    assert mask.shape == size
    return [rows.min(), rows.max()], [columns.min(), columns.max()], int(mask.sum())


def rectangle(x: float, y: float, width: float, height: float) -> Polygons:
    """The polygon around a box."""
    return Polygons(((x, y, x + width, y, x + width, y + height, x, y + height),))


# Boxes


def test_a_box_between_edges_of_pixels_covers_the_pixels_between_them() -> None:
    assert covered(Box(2, 3, 4, 5)) == ([3, 7], [2, 5], 20)


def test_a_box_covers_every_pixel_that_it_overlaps_at_all() -> None:
    # x from 1.9 to 4.1 overlaps columns 1 to 4, y from 2.5 to 3.5 rows 2 and 3.
    assert covered(Box(1.9, 2.5, 2.2, 1.0)) == ([2, 3], [1, 4], 8)


@pytest.mark.parametrize("size", [(0.2, 0.3), (0, 0), (0.5, 0.5)])
def test_a_box_narrower_than_a_pixel_covers_the_pixel_it_lies_in(size: tuple[float, float]) -> None:
    assert covered(Box(5.5, 6.25, *size)) == ([6, 6], [5, 5], 1)


def test_a_rounding_error_does_not_make_a_box_take_the_next_pixel() -> None:
    assert 0.07 * 100 > 7  # as floating-point numbers
    assert covered(Box(0, 0, 0.07 * 100, 1)) == ([0, 0], [0, 6], 7)


def test_a_box_is_cut_at_the_border_of_the_image() -> None:
    assert covered(Box(-3, -2, 5, 4)) == ([0, 1], [0, 1], 4)
    assert covered(Box(14, 10, 50, 50)) == ([10, 11], [14, 15], 4)


@pytest.mark.parametrize(
    "region",
    [
        Box(16, 0, 4, 4),
        Box(0, 12, 4, 4),
        Box(-4, 0, 4, 4),
        Box(0, -4.5, 4, 4),
        rectangle(-4, 0, 4, 4),
        rectangle(16, 0, 1, 1),
    ],
)
def test_a_region_outside_of_the_image_is_refused(region: Region) -> None:
    with pytest.raises(ValueError, match=r"covers no pixel of the image of 12 x 16 \(height x width\).*upper left"):
        region_mask([Box(0, 0, 2, 2), region], SIZE)


# Polygons


@given(*(st.integers(0, 8) for _ in range(2)), *(st.integers(1, 12) for _ in range(2)))
def test_a_rectangular_polygon_covers_what_its_box_covers(x: int, y: int, width: int, height: int) -> None:
    assert np.array_equal(
        region_mask([rectangle(x, y, width, height)], SIZE), region_mask([Box(x, y, width, height)], SIZE)
    )


def test_a_triangle_covers_the_pixels_on_its_side_of_the_diagonal() -> None:
    mask = region_mask([Polygons(((0, 0, 40, 0, 0, 40),))], (40, 40))
    row, column = np.indices(mask.shape)
    # The diagonal halves the pixels where row + column is 39.
    assert mask[row + column < 39].all()
    assert not mask[row + column > 39].any()


def test_a_polygon_takes_no_pixel_that_it_covers_a_tenth_of() -> None:
    assert covered(rectangle(2.9, 2, 3.2, 4)) == ([2, 5], [3, 5], 12)


def test_a_polygon_thinner_than_half_a_pixel_covers_what_it_touches() -> None:
    assert covered(rectangle(3.1, 2, 0.1, 4)) == ([2, 5], [3, 3], 4)


def test_a_polygon_is_cut_at_the_border_of_the_image() -> None:
    assert covered(rectangle(-8, -8, 12, 10)) == ([0, 1], [0, 3], 8)


def test_parts_of_a_polygon_are_joined_even_where_they_overlap() -> None:
    both = Polygons(rectangle(0, 0, 4, 4).parts + rectangle(2, 0, 4, 4).parts)
    assert covered(both) == ([0, 3], [0, 5], 24)


# Run lengths


def test_run_lengths_go_down_the_columns_and_begin_with_what_is_off() -> None:
    mask = region_mask([RunLengths((1, 3, 2), (2, 3))], (2, 3))
    assert mask.astype(int).tolist() == [[0, 1, 0], [1, 1, 0]]


@given(masks)
def test_run_lengths_of_a_mask_give_the_mask_again(mask: np.ndarray) -> None:
    runs = RunLengths.from_mask(mask)
    assert np.array_equal(runs.mask(mask.shape), mask)
    assert region_from_json(json.loads(json.dumps(runs.as_json()))) == runs


def test_run_lengths_of_another_image_are_refused() -> None:
    with pytest.raises(ValueError, match=r"image of 2 x 3 \(height x width\), but the image has 3 x 2"):
        region_mask([RunLengths((1, 3, 2), (2, 3))], (3, 2))


def test_run_lengths_that_do_not_add_up_are_refused() -> None:
    with pytest.raises(ValueError, match=r"add up to 5 pixels, but an image of 2 x 3 .* has 6"):
        RunLengths((1, 4), (2, 3))


def test_run_lengths_without_any_pixel_are_refused() -> None:
    with pytest.raises(ValueError, match="covers no pixel"):
        region_mask([RunLengths((6,), (2, 3))], (2, 3))


# Unions and JSON


def test_several_regions_cover_what_any_of_them_covers() -> None:
    runs = RunLengths.from_mask(region_mask([Box(8, 8, 2, 2)], SIZE))
    regions = [Box(0, 0, 2, 2), rectangle(1, 1, 2, 2), runs]
    # 4 + 4 - 1 + 4 pixels.
    assert covered(*regions) == ([0, 9], [0, 9], 11)
    assert not region_mask([], SIZE).any()


@pytest.mark.parametrize(
    "written",
    [
        [1.5, 2, 3, 4.25],
        [[0, 0, 4, 0, 4, 4], [8.5, 8, 9, 8, 9, 9, 8, 9]],
        {"counts": [1, 3, 2], "size": [2, 3]},
    ],
)
def test_a_region_survives_json(written: object) -> None:
    region = region_from_json(written)
    assert json.loads(json.dumps(region.as_json())) == written
    assert region_from_json(region.as_json()) == region


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("12,4,3,3", r"no region: found '12,4,3,3', expected a box \[x, y, width, height\], polygons"),
        ([], "no region"),
        ([1, 2, 3], "no region"),
        (None, "no region: found None"),
        ([1, 2, -3, 4], "negative size"),
        ([1, 2, float("nan"), 4], "a box holds nan, expected numbers of pixels"),
        ([1, 2, "3", 4], "a box holds '3'"),
        ([1, 2, True, 4], "a box holds True"),
        ([1, 2, 1e9, 4], "a box holds 1000000000.0"),
        ([[1, 2, 3, 4]], r"a polygon holds 4 numbers.*A box is \[x, y, width, height\], without inner brackets"),
        ([[0, 0, 4, 0, 4, 4, 1]], "a polygon holds 7 numbers"),
        ([[0, 0, 4, 0, 4, None]], "a polygon holds None"),
        ({"counts": [1]}, "lack 'size'"),
        (
            {"counts": "PYX1", "size": [2, 3]},
            "compressed run lengths are not read. Give polygons, a box, or uncompressed",
        ),
        ({"counts": [7, -1], "size": [2, 3]}, "expected whole numbers from 0"),
        ({"counts": 6, "size": [2, 3]}, "expected lists of whole numbers"),
        ({"counts": [6], "size": [6]}, r"expected \(height, width\)"),
    ],
)
def test_what_is_no_region_is_refused_with_what_would_be(written: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        region_from_json(written)


def test_a_mask_of_numbers_is_refused() -> None:
    with pytest.raises(ValueError, match=r"float64 of shape \(2, 2\), expected bool"):
        RunLengths.from_mask(np.zeros((2, 2)))


# Patches


def patches(region: Region, least_share: float = 0.1) -> list[int]:
    """The patches of 4 x 4 pixels, three rows of four, that belong to a region."""
    return patches_of(patch_shares(region_mask([region], SIZE), 4), least_share=least_share).tolist()


def test_a_box_with_the_edges_of_a_patch_is_that_patch() -> None:
    assert patches(Box(4, 4, 4, 4)) == [5]


def test_a_box_over_the_corner_of_four_patches_belongs_to_all_of_them() -> None:
    # 2 x 2 pixels of 16 in each.
    assert patches(Box(2, 2, 4, 4)) == [0, 1, 4, 5]


def test_a_patch_that_is_covered_too_little_does_not_belong() -> None:
    # Patch 0 wholly, patch 1 by one pixel of 16 and patch 4 by four.
    mask = region_mask([Box(0, 0, 4, 5), Box(4, 0, 1, 1)], SIZE)
    assert patch_shares(mask, 4)[:2, :2].tolist() == [[1, 1 / 16], [4 / 16, 0]]
    assert patches_of(patch_shares(mask, 4)).tolist() == [0, 4]
    assert patches_of(patch_shares(mask, 4), least_share=1 / 16).tolist() == [0, 1, 4]
    assert patches_of(patch_shares(mask, 4), least_share=1.0).tolist() == [0]


def test_a_tiny_object_has_the_one_patch_that_shows_most_of_it() -> None:
    # One pixel in patch 6 and two in patch 7, of 16 pixels each.
    assert patches(Box(11, 5, 3, 1), least_share=0.2) == [7]


def test_a_box_half_outside_of_the_image_has_the_patches_inside() -> None:
    assert patches(Box(12, -4, 8, 8)) == [3]


def test_an_object_that_was_cropped_away_is_refused() -> None:
    with pytest.raises(ValueError, match="covers none of the patches that the model sees: it was cropped away"):
        patches_of(np.zeros((3, 4)))


@pytest.mark.parametrize("least_share", [0, -0.1, 1.5])
def test_a_least_share_that_is_none_is_refused(least_share: float) -> None:
    with pytest.raises(ValueError, match="expected a share above 0 and up to 1"):
        patches_of(np.ones((2, 2)), least_share=least_share)


@pytest.mark.parametrize("patch", [0, 5])
def test_patches_that_do_not_divide_the_mask_are_refused(patch: int) -> None:
    with pytest.raises(ValueError, match="12 x 16 pixels does not divide into patches"):
        patch_shares(np.ones(SIZE, dtype=bool), patch)


@given(arrays(bool, (6, 9)))
def test_shares_of_patches_add_up_to_the_pixels(mask: np.ndarray) -> None:
    assert patch_shares(mask, 3).sum() * 9 == pytest.approx(mask.sum())


@given(arrays(float, (3, 4), elements=st.floats(0, 1)), st.floats(0.01, 1), st.floats(0.01, 1))
def test_more_patches_belong_the_less_is_asked_of_them(coverage: np.ndarray, one: float, other: float) -> None:
    if coverage.any():
        few, many = (set(patches_of(coverage, least_share=share)) for share in (max(one, other), min(one, other)))
        assert few <= many
        assert coverage.argmax() in few
