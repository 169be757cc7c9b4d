"""Below the title of several circuits: what holds for all stands once, the rest with the circuit that it is of."""

from circuits.components import Edge, Wiring
from graphs import CircuitGraph
from graphs.figures.subtitle import subtitle_of_several

EDGES = ("input->a0.h0<v>", "a0.h0->logits")


def circuit(share: float) -> CircuitGraph:
    wiring = Wiring(n_layers=2, n_heads=2, n_kv_heads=2)
    metrics = {"least_faithfulness": 0.85}
    return CircuitGraph.from_edges(wiring, map(Edge.parse, EDGES), faithfulness=share, metrics=metrics)


def test_what_circuits_have_in_common_is_said_once():
    assert subtitle_of_several([circuit(0.9), circuit(0.9)], ["one", "other"]) == "chosen: edges given"


def test_briefly_only_what_tells_circuits_apart_or_is_wrong_with_them_is_said():
    assert subtitle_of_several([circuit(0.9), circuit(0.4)], ["one", "other"], briefly=True) == (
        "other: NOT FAITHFUL (0.40)"
    )


def test_what_is_one_circuits_own_has_its_label():
    said = subtitle_of_several([circuit(0.9), circuit(0.4)], ["one", "other"])
    assert said == "chosen: edges given  |  other: NOT FAITHFUL (0.40)"
