"""Recovery rates over an image: each patch in its place and color, the object outlined, nothing clipped."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from matplotlib.collections import LineCollection

from graphs.figures.page import overlaid, recovery_colors
from graphs.figures.trace_patches import PatchMaps, draw_patches, patch_figure_bytes
from tests.graphs.figures.test_trace_heatmap import SUBTITLE, assert_texts_are_whole_and_apart


def maps(*, pixels=(32, 32), patches=(4, 4), n_panels: int = 2, **about: Any) -> PatchMaps:
    """Random recovery rates on a random image, with the two patches in the middle of the upper row outlined."""
    generator = np.random.default_rng(0)
    outline = np.zeros(patches, dtype=bool)
    outline[0, 1:3] = True
    known = {
        "values": generator.uniform(-0.3, 0.9, (n_panels, *patches)),
        "panel_titles": tuple(f"hidden state, layer {n}" for n in range(n_panels)),
        "title": "a run",
        "outline": outline,
    }
    return PatchMaps(generator.integers(256, size=(*pixels, 3), dtype=np.uint8), **{**known, **about})


def texts(patch_maps: PatchMaps) -> list[str]:
    return re.findall(r"<text[^>]*>([^<]*)</text>", patch_figure_bytes(patch_maps, "svg").decode())


def pictures(patch_maps: PatchMaps) -> list[np.ndarray]:
    """[row, column, rgb] of the image and of each panel, 0 to 1; the last one drawn is the color bar."""
    return [np.asarray(image.get_array()) for image in draw_patches(patch_maps).axes[0].images[:-1]]


def outlines(patch_maps: PatchMaps) -> list[LineCollection]:
    return [part for part in draw_patches(patch_maps).axes[0].collections if isinstance(part, LineCollection)]


@pytest.mark.parametrize(("kind", "start"), [("pdf", b"%PDF"), ("svg", b"<?xml"), ("png", b"\x89PNG")])
def test_the_file_is_of_the_kind_asked_for(kind, start):
    assert patch_figure_bytes(maps(), kind).startswith(start)


def test_the_first_panel_is_the_image_as_it_is():
    patch_maps = maps()
    image, *panels = pictures(patch_maps)
    assert image == pytest.approx(patch_maps.image / 255)
    assert len(panels) == 2


def test_each_patch_has_the_color_of_its_rate_over_the_gray_image():
    black = np.zeros((4, 6, 3), dtype=np.uint8)
    rates = np.array([[[0.0, 0.5, 1.0], [-1.0, -0.5, 0.25]]])
    patch_maps = maps(values=rates, panel_titles=("m0",), outline=None)
    _, panel = pictures(replace(patch_maps, image=black))
    expected = overlaid(np.zeros((2, 3)), recovery_colors(rates[0], 1.0))
    assert panel == pytest.approx(expected.repeat(2, axis=0).repeat(2, axis=1))


def test_the_image_shows_through():
    light, dark = (np.full((4, 4, 3), tone, dtype=np.uint8) for tone in (255, 0))
    patch_maps = maps(values=np.full((1, 2, 2), 0.7), panel_titles=("m0",), outline=None)
    (_, over_light), (_, over_dark) = (pictures(replace(patch_maps, image=image)) for image in (light, dark))
    assert (over_light > over_dark + 0.1).all()


def test_patches_that_were_not_measured_are_the_gray_image_with_a_dash():
    gray = np.full((4, 4, 3), 51, dtype=np.uint8)
    rates = np.array([[[np.nan, 0.5], [0.5, 0.5]]])
    patch_maps = replace(maps(values=rates, panel_titles=("m0",), outline=None), image=gray)
    _, panel = pictures(patch_maps)
    assert panel[:2, :2] == pytest.approx(0.2)
    assert "Plain gray with a dash: not measured." in " ".join(texts(patch_maps))


def test_the_outline_follows_the_edges_of_patches_on_every_panel():
    # Two patches side by side have six outer edges, and none between them.
    patch_maps = maps()
    drawn = outlines(patch_maps)
    assert len(drawn) == 2 * 3  # light below dark, on the image and two panels
    assert {len(lines.get_segments()) for lines in drawn} == {6}
    assert "Outlined: patches of the object." in " ".join(texts(patch_maps))


def test_the_outline_closes_at_the_border_of_the_image():
    assert {len(lines.get_segments()) for lines in outlines(maps(outline=np.ones((4, 4), dtype=bool)))} == {16}


def test_an_unknown_object_has_no_outline():
    assert not outlines(maps(outline=None))
    assert "Outlined" not in " ".join(texts(maps(outline=None)))


def test_the_figure_says_what_it_shows_and_where_that_came_from():
    patch_maps = maps(title="run $7_", subtitle="model $x$", notes=("one prompt",))
    named = {"run $7_", "model $x$", "one prompt", "image", "hidden state, layer 0", "hidden state, layer 1"}
    assert named | {"recovery rate", "−1", "1"} <= set(texts(patch_maps))
    assert "Colors end at −1 and 1; the largest |RR| is" in " ".join(texts(patch_maps))


@pytest.mark.parametrize("pixels", [(64, 32), (32, 64), (30, 47)])
def test_images_keep_their_proportions(pixels: tuple[int, int]):
    image = draw_patches(maps(pixels=pixels)).axes[0].images[0]
    left, right, bottom, top = image.get_extent()
    assert (top - bottom) / (right - left) == pytest.approx(pixels[0] / pixels[1], rel=0.01)


@pytest.mark.parametrize(
    "patch_maps",
    [
        maps(),
        maps(n_panels=9, pixels=(48, 48), patches=(24, 24)),
        maps(pixels=(200, 20)),
        maps(pixels=(20, 200), n_panels=4),
        maps(title="W" * 120, subtitle=SUBTITLE, notes=("x" * 300,), panel_titles=("MLP output " * 9, "m" * 60)),
    ],
    ids=["small", "many", "tall", "wide", "long-names"],
)
def test_no_text_is_clipped_or_touches_another_and_the_page_fits_on_paper(patch_maps: PatchMaps):
    figure = draw_patches(patch_maps)
    assert figure.get_figwidth() <= 7.5
    assert_texts_are_whole_and_apart(figure)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"image": np.zeros((8, 8, 3))}, "image is 8 x 8 x 3 of float64: give uint8"),
        ({"image": np.zeros((8, 8), dtype=np.uint8)}, "image is 8 x 8 of uint8"),
        ({"image": np.zeros((3, 8, 3), dtype=np.uint8)}, "an image of 3 x 8 x 3 cannot have 4 x 4 patches"),
        ({"values": np.zeros((4, 4))}, r"values \[panel, patch row, patch column\] are 4 x 4"),
        ({"panel_titles": ("one",)}, "are 2 x 4 x 4: give a panel for each of 1 titles"),
        ({"values": np.full((2, 4, 4), np.inf)}, "infinite recovery rates"),
        ({"outline": np.zeros((4, 5), dtype=bool)}, "outline is 4 x 5 of bool: give bool 4 x 4"),
        ({"outline": np.zeros((4, 4))}, "outline is 4 x 4 of float64"),
    ],
)
def test_maps_that_do_not_fit_together_are_refused(change: dict[str, Any], message: str):
    with pytest.raises(ValueError, match=message):
        replace(maps(), **change)
