"""The figure of codes: colors mean positive-only codes, sizes stay readable, bytes do not change."""

from __future__ import annotations

import io
import re

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.patches import Rectangle

from circuits.components import Edge, Wiring
from circuits.scores import Provenance
from graphs import CircuitGraph
from graphs.figures.head_codes import CODE_COLORS, CodeTable, code_figure_bytes, draw_codes

SMALL, GPT2 = Wiring(n_layers=4, n_heads=4, n_kv_heads=4), Wiring(n_layers=12, n_heads=12, n_kv_heads=12)
DRAW = """
import sys
from hashlib import sha256
from graphs.figures.head_codes import code_figure_bytes
from tests.graphs.figures.test_head_codes import SMALL, circuit, table
for kind in ("pdf", "svg"):
    data = code_figure_bytes(table(SMALL, 6), circuit(SMALL), kind, name="run")
    sys.stdout.write(sha256(data).hexdigest() + " ")
"""


def positive_only(codes: np.ndarray, n_positive: int) -> np.ndarray:
    """[positive, head] by the definition."""
    columns = zip(codes[:n_positive].T, codes[n_positive:].T, strict=True)
    return np.stack([~np.isin(positives, negatives) for positives, negatives in columns], axis=1)


def table(wiring: Wiring, n_positive: int, *, n_codes: int = 9, is_shared: bool = True) -> CodeTable:
    shape = (2 * n_positive, wiring.n_layers * wiring.n_heads)
    codes = np.random.default_rng(0).integers(n_codes, size=shape)
    return CodeTable(codes, positive_only(codes, n_positive), 3, is_shared)


def circuit(wiring: Wiring) -> CircuitGraph:
    edges = [Edge.parse(name) for name in ("input->a0.h1<v>", "a0.h1->a3.h2<q>", "a3.h2->logits")]
    origin = Provenance("head-coding", {}, "logit-difference", "reference", "0123", "ioi", "4567")
    return CircuitGraph.from_edges(wiring, edges, provenance=origin)


def texts(code_table: CodeTable, graph: CircuitGraph, *, name: str = "run") -> list[str]:
    return re.findall(r"<text[^>]*>([^<]*)</text>", code_figure_bytes(code_table, graph, "svg", name=name).decode())


def cells(code_table: CodeTable, graph: CircuitGraph) -> list[np.ndarray]:
    """Colors [prompt, head, rgb] of the positives and of the negatives."""
    (axes,) = draw_codes(code_table, graph, name="run").axes
    return [np.asarray(image.get_array()) for image in axes.images]


def test_drawings_are_byte_identical_from_run_to_run(printed_here_and_elsewhere):
    here, elsewhere = printed_here_and_elsewhere(DRAW)
    assert here == elsewhere
    assert len(set(here.split())) == 2


def test_codes_that_only_positives_show_are_colored_and_all_others_gray():
    codes = np.array([[1, 7], [2, 7], [1, 7], [3, 7]])  # head 0: code 2 is on a positive alone, code 1 is not
    wiring = Wiring(n_layers=1, n_heads=2, n_kv_heads=2)
    graph = CircuitGraph.from_edges(wiring, [Edge.parse("input->logits")])
    positives, negatives = cells(CodeTable(codes, positive_only(codes, 2), 0, True), graph)
    gray = [[len(set(cell)) == 1 for cell in row] for row in np.concatenate([positives, negatives]).tolist()]
    assert gray == [[True, True], [False, True], [True, True], [True, True]]
    assert positives[1, 0].tolist() == [round(255 * part) for part in to_rgb(CODE_COLORS[0])]


def test_a_code_has_the_same_gray_wherever_it_is_shown():
    code_table = table(SMALL, 6)
    positives, negatives = cells(code_table, circuit(SMALL))
    tones = {}
    colors = np.concatenate([positives, negatives])
    is_gray = np.concatenate([~code_table.positive_only, np.ones(negatives.shape[:2], dtype=bool)])
    for code, tone in zip(code_table.codes[is_gray].tolist(), colors[is_gray].tolist(), strict=True):
        assert tones.setdefault(code, tone) == tone
    assert len({tuple(tone) for tone in tones.values()}) == len(tones)


def test_codes_of_most_cells_have_colors_of_their_own():
    # Head 0 shows 14 codes once each, head 1 shows code 20 on all positives but one.
    codes = np.zeros((30, 16), dtype=int)
    codes[:14, 0], codes[:14, 1] = np.arange(1, 15), 20
    (positives, _) = cells(CodeTable(codes, positive_only(codes, 15), 0, True), circuit(SMALL))
    color = positives[0, 1].tolist()
    assert (positives[:14, 1] == color).all()
    # The 12 colors repeat: one of 15 codes shares that of the first.
    assert sum(cell == color for cell in positives[:14, 0].tolist()) == 1


def test_a_number_that_means_another_code_in_each_layer_has_no_entry_in_the_legend():
    shared, apart = (texts(table(SMALL, 4, is_shared=is_shared), circuit(SMALL)) for is_shared in (True, False))
    assert any(re.fullmatch(r"code \d+", text) for text in shared)
    assert not any(re.fullmatch(r"code \d+", text) for text in apart)
    assert "codes that only positives show, colored anew in each layer" in apart


def test_the_figure_says_which_run_and_how_many_heads_and_prompts():
    code_table = table(SMALL, 6)
    said = " ".join(texts(code_table, circuit(SMALL), name="ioi-head-coding-0123abcd"))
    n_showing = code_table.positive_only.any(axis=0).sum()
    assert "ioi-head-coding-0123abcd, trial 3" in said
    assert "model reference · method head-coding · metric logit-difference" in said
    assert f"{n_showing} of 16 heads show codes that no negative shows; 6 positives, 6 negatives." in said


def test_repeated_colors_are_mentioned():
    many, few = (" ".join(texts(table(SMALL, 20, n_codes=n), circuit(SMALL))) for n in (200, 4))
    assert "Colors repeat" in many
    assert "Colors repeat" not in few


def test_heads_of_the_circuit_are_marked():
    (axes,) = draw_codes(table(SMALL, 6), circuit(SMALL), name="run").axes
    left, right = axes.images[0].get_extent()[:2]
    top = axes.images[0].get_extent()[3]
    boxes = [mark.get_bbox() for mark in axes.patches if isinstance(mark, Rectangle)]
    centers = [(box.x0 + box.x1) / 2 for box in boxes if box.y0 > top]
    width = (right - left) / 16
    assert sorted(int((center - left) / width) for center in centers) == [1, 14]  # a0.h1 and a3.h2


@pytest.mark.parametrize(("wiring", "n_positive"), [(SMALL, 8), (GPT2, 250), (SMALL, 1)])
def test_labels_do_not_touch_and_pages_fit_on_paper(wiring: Wiring, n_positive: int):
    figure = draw_codes(table(wiring, n_positive), circuit(wiring), name="run")
    assert figure.get_figwidth() <= 7.5
    assert figure.get_figheight() <= 10
    (axes,) = figure.axes
    figure.canvas.draw()
    boxes = [text.get_window_extent() for text in axes.texts if text.get_text()]
    for index, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in boxes[index + 1 :])
        assert box.x0 >= 0
        assert box.x1 <= figure.bbox.width


def test_cells_are_whole_dots_so_that_all_are_equally_large():
    from matplotlib.image import imread

    picture = imread(io.BytesIO(code_figure_bytes(table(GPT2, 100), circuit(GPT2), "png", name="run")))
    figure = draw_codes(table(GPT2, 100), circuit(GPT2), name="run")
    (axes,) = figure.axes
    for value in axes.images[0].get_extent():
        assert value * 300 == pytest.approx(round(value * 300), abs=1e-6)
    assert picture.shape[1] == pytest.approx(300 * figure.get_figwidth(), abs=1)


def test_codes_of_another_model_are_refused():
    with pytest.raises(ValueError, match="codes of 16 heads, but the circuit's model has 144"):
        draw_codes(table(SMALL, 4), circuit(GPT2), name="run")


def test_a_table_without_negatives_is_refused():
    with pytest.raises(ValueError, match="fewer than prompts"):
        CodeTable(np.zeros((3, 4), dtype=int), np.zeros((3, 4), dtype=bool), 0, True)
