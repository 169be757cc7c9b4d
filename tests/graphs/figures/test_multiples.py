"""Several circuits side by side: the same places for the same parts, on one page."""

import json
import re

import pytest

from circuits.components import Edge, Wiring
from graphs import CircuitGraph, Greedy
from graphs.export import read_about
from graphs.export.about import MARK, beside_text
from graphs.figures.layered.multiples import composed_multiples, draw_multiples, multiples_bytes
from graphs.figures.layered.settings import DrawingSettings
from graphs.figures.sizes import SIZES, size_from
from tests.graphs.figures.test_layered_pages import check_page

SQUARE = Wiring(n_layers=6, n_heads=6, n_kv_heads=6)
GROUPED = Wiring(n_layers=5, n_heads=6, n_kv_heads=2)


def circuits_of(random_edge_scores, wiring, sizes):
    names = [f"task {number}" for number in range(len(sizes))]
    scores = [random_edge_scores(wiring, seed=number, n_prompts=2, task=name) for number, name in enumerate(names)]
    graphs = [CircuitGraph.from_scores(one, Greedy(n)) for one, n in zip(scores, sizes, strict=True)]
    return graphs, names


def words(svg):
    return " ".join(re.findall(r"<text[^>]*>([^<]*)</text>", svg.decode()))


@pytest.mark.parametrize(
    ("sizes", "page", "orientation"),
    [
        ((5, 9), "column", "up"),
        ((20, 40, 60), "slide", "up"),
        ((20, 40, 60), "page", "right"),
        ((200, 300, 10, 50), "slide", "right"),
        ((12,) * 7, "page", "up"),
    ],
)
def test_labels_do_not_overlap_and_the_page_keeps_its_size(random_edge_scores, sizes, page, orientation):
    graphs, names = circuits_of(random_edge_scores, GROUPED, sizes)
    settings = DrawingSettings(size=SIZES[page], orientation=orientation)
    check_page(draw_multiples(graphs, names, settings), settings.size)


def test_a_component_stands_in_the_same_place_of_every_drawing():
    ends = ("input->a1.h2<v>", "a1.h2->logits")
    graphs = [
        CircuitGraph.from_edges(SQUARE, map(Edge.parse, (*ends, *more)))
        for more in (("input->m0", "m0->logits"), ("input->a3.h1<q>", "a3.h1->logits"))
    ]
    figure = draw_multiples(graphs, ["one", "two"], DrawingSettings())
    texts = {}
    for text in figure.axes[0].texts:
        texts.setdefault(text.get_text(), []).append(text.get_position())
    left, right = (dict(zip(("one", "two"), texts[name], strict=False)) for name in ("input", "a1.h2"))
    assert len(texts["a1.h2"]) == 2
    assert right["two"][0] - right["one"][0] == pytest.approx(left["two"][0] - left["one"][0])
    assert right["two"][1] == pytest.approx(right["one"][1])
    # What only one of them has is named in its drawing alone.
    assert len(texts["m0"]) == len(texts["a3.h1"]) == 1


def test_the_legend_explains_what_any_of_the_drawings_has(edge_scores_of):
    """A sign that only the second circuit has; and what is in all circuits is absent from none."""
    one, other, more = (
        CircuitGraph.from_scores(edge_scores_of({"input->a0.h0<v>": 2.0, **scores}), Greedy(9))
        for scores in (
            {"a0.h0->logits": 1.0},
            {"a0.h0->logits": -1.0},
            {"a0.h0->logits": 1.0, "input->a1.h1<v>": 1.0, "a1.h1->logits": 1.0},
        )
    )
    both = words(multiples_bytes([one, other], ["one", "other"], "svg", DrawingSettings()))
    assert "positive: supports" in both
    assert "negative: works against" in both
    assert "not in this circuit" not in both
    assert "negative: works against" not in words(multiples_bytes([one, one], ["one", "two"], "svg", DrawingSettings()))
    assert "not in this circuit" in words(multiples_bytes([one, more], ["one", "more"], "svg", DrawingSettings()))


def test_every_drawing_says_how_much_of_its_circuit_it_has(random_edge_scores):
    graphs, names = circuits_of(random_edge_scores, SQUARE, (30, 50))
    drawn = words(multiples_bytes(graphs, names, "svg", DrawingSettings(top=10)))
    assert "Shown: at most the 10 strongest lines of each circuit" in drawn
    assert re.search(r"task 0 1\d of 30 edges, faithfulness not measured", drawn)
    whole = words(multiples_bytes(graphs[:1], names[:1], "svg"))
    assert "30 edges, faithfulness not measured" in whole
    assert "Shown" not in whole


def test_circuits_too_large_to_stand_side_by_side_name_the_strongest_that_each_lacks(random_edge_scores):
    graphs, names = circuits_of(random_edge_scores, SQUARE, (300, 300))
    drawn = words(multiples_bytes(graphs, names, "svg"))
    assert re.search(r"Shown: at most the \d+ lines on the strongest paths of each circuit", drawn)
    assert "Not drawn" not in drawn
    told = "\n".join(composed_multiples(graphs, names).told)
    for graph, name in zip(graphs, names, strict=True):
        found = re.search(rf"^Not drawn: (\d+) edges of {name}, strongest (\S+) \(", told, re.MULTILINE)
        assert found is not None
        drawn_of_it = graph.n_edges - int(found[1])
        assert f"{name} {drawn_of_it} of 300 edges" in drawn
        assert found[2] in {item.name for item in graph.edges}


def test_what_does_not_fit_and_other_models_are_refused(random_edge_scores):
    graphs, names = circuits_of(random_edge_scores, SQUARE, (100, 100, 100))
    with pytest.raises(ValueError, match=r"3 circuits side by side do not fit 2x2 inches"):
        draw_multiples(graphs, names, DrawingSettings(size=size_from("2x2"), top=100))
    (other,), _ = circuits_of(random_edge_scores, GROUPED, (10,))
    with pytest.raises(ValueError, match="different models"):
        draw_multiples([graphs[0], other], names[:2])


def test_the_file_says_where_all_came_from_and_is_the_same_twice(random_edge_scores):
    graphs, names = circuits_of(random_edge_scores, SQUARE, (20, 30))
    about = (MARK, beside_text(names, graphs))
    first, second = (multiples_bytes(graphs, names, "png", about=about) for _ in range(2))
    assert first == second
    said = read_about(first, source="file")
    assert said == json.loads(about[1])
    assert [side["edges"] for side in said["circuits"]] == [20, 30]
