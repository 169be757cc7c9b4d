"""Twenty circuits from 3 to 5,000 edges, on pages of several sizes: measured from what was drawn."""

from dataclasses import replace
from functools import lru_cache
from hashlib import sha256
from itertools import combinations, pairwise

import numpy as np
import pytest
from matplotlib.text import Text

from circuits.components import Wiring
from graphs import CircuitGraph, Greedy, compare
from graphs.figures.layered.drawing import composed, drawing_bytes
from graphs.figures.layered.routes import lead
from graphs.figures.layered.settings import DrawingSettings
from graphs.figures.sizes import LEAST_TEXT, SIZES, size_from
from tests.conftest import slow_case
from tests.graphs.together import n_pairs_together

SMALL = Wiring(n_layers=2, n_heads=2, n_kv_heads=2)
SQUARE = Wiring(n_layers=12, n_heads=12, n_kv_heads=12)
DEEP = Wiring(n_layers=30, n_heads=9, n_kv_heads=3)
WIDE = Wiring(n_layers=4, n_heads=32, n_kv_heads=8, is_parallel=True)
PAGES = {
    **{name: DrawingSettings(size=size) for name, size in SIZES.items()},
    "slide to the right": DrawingSettings(size=SIZES["slide"], orientation="right"),
    "column to the right": DrawingSettings(size=SIZES["column"], orientation="right"),
    "square": DrawingSettings(size=size_from("4x4", font=6)),
}
CASES = [(SMALL, 3), (SMALL, 10), (SMALL, 25)]
CASES += [(wiring, n) for wiring in (SQUARE, DEEP, WIDE) for n in (5, 40, 150, 636)]
CASES += [(SQUARE, 1000), (DEEP, 1500), (WIDE, 1500), (SQUARE, 3000), (DEEP, 5000)]


@pytest.fixture(scope="module")
def circuit_of(random_edge_scores):
    @lru_cache
    def build(case):
        wiring, n = CASES[case]
        scores = random_edge_scores(wiring, seed=case, n_prompts=2)
        return CircuitGraph.from_scores(replace(scores, per_prompt=scores.per_prompt**3), Greedy(n))

    return build


def texts_of(figure):
    """Every text that was drawn, with its extent in inches."""
    renderer = figure.canvas.get_renderer()
    drawn = [text for text in figure.findobj(Text) if text.get_text() and text.get_visible()]
    return [
        (text, text.get_window_extent(renderer).extents / figure.dpi) for text in drawn if text.axes.axison is False
    ]


def check_page(figure, size):
    width, height = figure.get_size_inches()
    assert width == pytest.approx(size.width)
    assert height <= size.height + 1e-9
    placed = texts_of(figure)
    assert placed
    for text, (left, bottom, right, top) in placed:
        assert text.get_fontsize() >= LEAST_TEXT
        assert left >= 0
        assert bottom >= 0
        assert right <= width + 0.02, text.get_text()
        assert top <= height + 0.02
    for (one, a), (other, b) in combinations(placed, 2):
        apart = a[0] >= b[2] or b[0] >= a[2] or a[1] >= b[3] - 0.012 or b[1] >= a[3] - 0.012
        assert apart, (one.get_text(), other.get_text())


def test_there_are_twenty_from_3_to_5000_edges(circuit_of):
    sizes = [circuit_of(case).n_edges for case in range(len(CASES))]
    assert len(sizes) == 20
    assert min(sizes) == 3
    assert max(sizes) == 5000


# Every circuit on one page, and with the slow tests on another one.
ON_PAGES = [(case, list(PAGES)[case % len(PAGES)]) for case in range(len(CASES))]
ON_OTHERS = [(case, list(PAGES)[(2 * case + 1) % len(PAGES)]) for case in range(len(CASES))]


@pytest.mark.parametrize(("case", "page"), [*ON_PAGES, *map(slow_case, ON_OTHERS)])
def test_labels_do_not_overlap_and_every_page_keeps_its_size(circuit_of, case, page):
    graph = circuit_of(case)
    composition = composed(graph, PAGES[page])
    check_page(composition.draw(), PAGES[page].size)
    said = " ".join(composition.sheet.words.footer)
    assert graph.description in said
    assert ("Shown: " in said) == (len(composition.scene.lines) < graph.n_edges)
    assert len(composition.scene.lines) <= 150


@pytest.mark.parametrize("page", PAGES)
def test_two_circuits_keep_their_page(circuit_of, page):
    a, b = circuit_of(3), circuit_of(4)
    check_page(composed(compare(a, b), PAGES[page]).draw(), PAGES[page].size)


@pytest.mark.parametrize(
    ("case", "kind"), [(1, "pdf"), (1, "svg"), (1, "png"), (7, "svg"), *map(slow_case, [(7, "pdf"), (7, "png")])]
)
def test_files_are_byte_identical_twice(circuit_of, kind, case):
    graph = circuit_of(case)
    first, second = (sha256(drawing_bytes(graph, kind, PAGES["column"])).hexdigest() for _ in range(2))
    assert first == second


def test_boxes_do_not_overlap_and_lines_lead_onwards_between_them(circuit_of):
    for case in range(len(CASES)):
        composition = composed(circuit_of(case), PAGES["page"])
        assert composition.placed is not None
        places, _ = composition.placed
        for row in places.rows:
            spans = sorted(places.spans[name] for name in row)
            assert all(before[1] <= after[0] + 1e-9 for before, after in pairwise(spans))
            assert spans[0][0] >= -1e-9
            assert spans[-1][1] <= places.across + 1e-9
        for line, route in zip(composition.scene.lines, lead(composition.scene, places), strict=True):
            assert (np.diff(route[:, 1]) > 0).all(), line.name


@pytest.mark.parametrize(("case", "n_edges", "most"), [(4, 40, 0), (8, 40, 0), (5, 150, 0.002), (9, 150, 0.002)])
def test_lines_of_different_sources_are_apart_until_they_end(circuit_of, case, n_edges, most):
    """Of many some are bundled: where more share a gap than there are lanes."""
    composition = composed(circuit_of(case), PAGES["page"])
    assert composition.placed is not None
    lines, routes = composition.scene.lines, lead(composition.scene, composition.placed[0])
    assert len(lines) == n_edges
    sources = [line.source for line in lines]
    together, n_pairs = n_pairs_together(routes, sources, step=0.01, same=0.015, end=0.2, most=0.15)
    assert n_pairs > n_edges
    assert together <= most * n_pairs
