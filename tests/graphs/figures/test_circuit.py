import re

import pytest

from circuits.components import Edge, Wiring
from graphs import CircuitGraph, TopComponents, TopEdges, compare
from graphs.figures.layered.drawing import drawing_bytes
from graphs.figures.layered.looks import MEMBERSHIP_COLORS, PORT_NAMES, paled
from graphs.figures.layered.settings import DrawingSettings
from graphs.figures.palette import OPPOSES, SUPPORTS
from tests.conftest import slow_case

WIRINGS = (
    Wiring(n_layers=4, n_heads=4, n_kv_heads=4),
    Wiring(n_layers=3, n_heads=4, n_kv_heads=2),
    Wiring(n_layers=12, n_heads=12, n_kv_heads=12),
)

DRAW_TWICE = """
import sys
from hashlib import sha256
from circuits.components import Edge, Wiring
from graphs import CircuitGraph, compare
from graphs.figures.layered.drawing import drawing_bytes
wiring = Wiring(n_layers=2, n_heads=2, n_kv_heads=2)
a = CircuitGraph.from_edges(wiring, wiring.edges[:40], roles={"a0.h0": "induction", "a1.h1": "mover"})
b = CircuitGraph.from_edges(wiring, wiring.edges[5:])
for subject in (a, compare(a, b)):
    for kind in ("pdf", "svg"):
        sys.stdout.write(sha256(drawing_bytes(subject, kind)).hexdigest() + " ")
"""


def texts(svg):
    """Texts of a drawing, in order."""
    return re.findall(r"<text[^>]*>([^<]*)</text>", svg.decode())


def circuit(wiring, *names, **about):
    return CircuitGraph.from_edges(wiring, [Edge.parse(name) for name in names], **about)


def test_drawings_are_byte_identical_from_run_to_run(printed_here_and_elsewhere):
    here, elsewhere = printed_here_and_elsewhere(DRAW_TWICE)
    assert here == elsewhere
    assert len(set(here.split())) == 4


def test_the_drawing_says_edges_threshold_and_faithfulness(edge_scores_of):
    scores = edge_scores_of({"input->a0.h1<v>": 2.0, "a0.h1->logits": -0.125})
    graph = CircuitGraph.from_scores(scores, TopEdges(2), faithfulness=0.875)
    drawn = texts(drawing_bytes(graph, "svg"))
    assert "2 of 29 edges, weakest 0.125, faithfulness 0.88" in drawn
    about = "model reference · method eap · metric logit-difference"
    assert f"{about} · chosen: the 2 strongest edges, less those that lie on no path (rule top-edges)" in " ".join(
        drawn
    )


def test_the_drawing_says_that_the_edges_between_measured_components_are_estimates(edge_scores_of, node_scores_of):
    scores = edge_scores_of({"input->a0.h1<v>": 2.0, "a0.h1->logits": 1.0})
    graph = CircuitGraph.from_scores(scores, TopComponents(1), node_scores=node_scores_of({"a0.h1": 0.25}))
    drawn = " ".join(texts(drawing_bytes(graph, "svg")))  # long lines are folded
    assert "method activation-patching" in drawn
    assert "edges estimated by eap" in drawn


def test_the_drawing_names_the_nodes_of_the_circuit_and_no_others():
    graph = circuit(WIRINGS[0], "input->a1.h2<q>", "a1.h2->m3", "m3->logits")
    drawn = texts(drawing_bytes(graph, "svg"))
    names = {str(writer) for writer in WIRINGS[0].writers} | {"logits"}
    assert names.intersection(drawn) == {"input", "a1.h2", "m3", "logits"}


def test_the_inputs_that_edges_enter_are_marked_and_explained():
    drawn = texts(drawing_bytes(circuit(WIRINGS[0], "input->a1.h2<k>", "a1.h2->logits"), "svg"))
    assert PORT_NAMES["k"] in drawn
    assert PORT_NAMES["q"] not in drawn


def test_edges_that_work_against_the_behavior_are_dashed_and_explained(edge_scores_of):
    supporting = CircuitGraph.from_scores(edge_scores_of({"input->logits": 1.0}), TopEdges(1))
    opposing = CircuitGraph.from_scores(edge_scores_of({"input->logits": -1.0}), TopEdges(1))
    assert b"stroke-dasharray" not in drawing_bytes(supporting, "svg")
    assert SUPPORTS.lower().encode() in drawing_bytes(supporting, "svg")
    assert b"stroke-dasharray" in drawing_bytes(opposing, "svg")
    assert OPPOSES.lower().encode() in drawing_bytes(opposing, "svg")
    assert "negative: works against" in texts(drawing_bytes(opposing, "svg"))


def test_the_legend_says_what_score_the_widths_of_lines_stand_for(edge_scores_of):
    scores = edge_scores_of({"input->a0.h1<v>": 4.0, "a0.h1->logits": 0.25})
    drawn = texts(drawing_bytes(CircuitGraph.from_scores(scores, TopEdges(2)), "svg"))
    at = drawn.index("|score|, logit-difference:")
    assert drawn[at + 1 : at + 4] == ["0.25", "1", "4"]


def test_roles_and_node_scores_are_explained(edge_scores_of, node_scores_of):
    scores = edge_scores_of({"input->a0.h1<v>": 2.0, "a0.h1->logits": 1.0})
    nodes = node_scores_of({"a0.h1": 0.25})
    graph = CircuitGraph.from_scores(scores, TopEdges(2), node_scores=nodes, roles={"a0.h1": "mover"})
    drawn = texts(drawing_bytes(graph, "svg"))
    assert "mover" in drawn
    assert "\u22120.25 to 0.25, node score: by how much corrupting it lowers logit-difference" in " ".join(drawn)


def test_a_comparison_prints_the_overlap_and_both_circuits(edge_scores_of):
    a = CircuitGraph.from_scores(edge_scores_of({"input->a0.h0<v>": 1.0, "a0.h0->logits": 1.0}), TopEdges(2))
    other = edge_scores_of({"input->a0.h0<v>": 1.0, "a0.h0->logits": 2.0, "input->logits": 1.0}, task="greater-than")
    svg = drawing_bytes(compare(a, CircuitGraph.from_scores(other, TopEdges(3))), "svg")
    drawn = texts(svg)
    assert "ioi: 2 of 29 edges, weakest 1, faithfulness not measured" in drawn
    assert "greater-than: 3 of 29 edges, weakest 1, faithfulness not measured" in drawn
    # one head of two in the layer on each side: shared by chance in half of the draws
    assert "heads: 1 shared of 1 (IoU 1.00; by chance 0.50, too few to tell)" in drawn
    assert {"shared", "only in greater-than"} <= set(drawn)
    assert "only in ioi" not in drawn, "nothing that is drawn has this color"


def test_the_legend_of_node_scores_is_there_where_a_box_has_one(edge_scores_of, node_scores_of):
    scores = edge_scores_of({"input->a0.h1<v>": 1.0, "a0.h1->logits": 0.5, "input->logits": 4.0})
    graph = CircuitGraph.from_scores(scores, TopEdges(3), node_scores=node_scores_of({"a0.h1": 0.25}))
    whole, part = (" ".join(texts(drawing_bytes(graph, "svg", DrawingSettings(top=top)))) for top in (3, 1))
    assert "node score: by how much" in whole
    assert "node score: by how much" not in part


def test_a_comparison_is_colored_by_who_has_what():
    a, b = circuit(WIRINGS[0], "input->m0", "m0->logits"), circuit(WIRINGS[0], "input->m1", "m1->logits")
    svg = drawing_bytes(compare(a, b), "svg").decode()
    colors = set(re.findall(r"stroke: (#[0-9a-f]{6})", svg))
    # Edges without scores are of medium strength, and as pale as that.
    assert {paled(MEMBERSHIP_COLORS[kind], 0.4) for kind in ("only_a", "only_b")} <= colors
    assert paled(MEMBERSHIP_COLORS["shared"], 0.4) not in colors


def test_an_empty_circuit_is_drawn_as_its_reason(edge_scores_of):
    graph = CircuitGraph.from_scores(edge_scores_of({"a0.h0->logits": 1.0}), TopEdges(0))
    drawn = " ".join(texts(drawing_bytes(graph, "svg")))
    assert "top-edges (n=0) chose no edge" in drawn
    assert "0 of 29 edges" in drawn
    assert "Shown" not in " ".join(texts(drawing_bytes(graph, "svg", DrawingSettings(bundle="layer"))))


def test_a_task_named_with_dollars_is_not_read_as_mathematics(edge_scores_of):
    scores = edge_scores_of({"input->logits": 1.0}, task="costs $5 or $6_")
    assert "costs $5 or $6_" in texts(drawing_bytes(CircuitGraph.from_scores(scores, TopEdges(1)), "svg"))


@pytest.mark.parametrize("kind", ["svg", "pdf", "png"])
def test_characters_that_the_font_lacks_are_one_plain_warning(edge_scores_of, caplog, recwarn, kind):
    graph = CircuitGraph.from_scores(edge_scores_of({"input->logits": 1.0}, task="\U0001f680 \U0001f389"), TopEdges(1))
    drawing_bytes(graph, kind)
    assert [record.message.partition(":")[0] for record in caplog.records] == [
        "the font of figures lacks U+1F389, U+1F680"
    ]
    assert not recwarn.list


@pytest.mark.parametrize("kind", ["svg", "pdf", *map(slow_case, ["png", "eps"])])
def test_the_mark_of_the_order_of_bytes_is_not_drawn(edge_scores_of, kind):
    drawn = [
        drawing_bytes(CircuitGraph.from_scores(edge_scores_of({"input->logits": 1.0}, task=task), TopEdges(1)), kind)
        for task in ("pairs\ufeff", "pairs")
    ]
    assert drawn[0] == drawn[1]


def test_pdf_embeds_truetype_fonts_and_carries_no_date():
    pdf = drawing_bytes(circuit(WIRINGS[0], "input->logits"), "pdf")
    assert b"/FontFile2" in pdf
    assert b"CreationDate" not in pdf


@pytest.mark.parametrize("kind", ["pdf", "svg", "png"])
def test_drawing_leaves_matplotlib_settings_as_they_were(kind):
    import matplotlib

    before = dict(matplotlib.rcParams)
    drawing_bytes(circuit(WIRINGS[0], "input->logits"), kind)
    assert dict(matplotlib.rcParams) == before
