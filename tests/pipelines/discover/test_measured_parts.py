"""What is known of a part of a circuit: the sizes that the run's own search tried."""

from __future__ import annotations

import pytest

from graphs.selection import selection_from
from pipelines.discover.measured_parts import part_faithfulness, tried_parts
from pipelines.runs.run import open_run


@pytest.fixture
def run(tiny, circuits, tmp_path):
    name = circuits(*tiny.arguments, "--method", "eap", "--tolerance", "0.05", "--json").json["run"]
    return open_run(tmp_path / "runs" / name)


def tried_by(run):
    """(ranking, size, faithfulness, interval) of every size of the search."""
    for choice in run.summary["choice"]["choices"]:
        for search in choice["searches"]:
            for (size, value), interval in zip(search["tried"], search["intervals"], strict=True):
                yield choice["ranking"], size, value, interval


def edges_of(run, ranking, size):
    description = {**run.circuit.selection, "n": size, "absolute": ranking == "absolute"}
    return frozenset(map(str, selection_from(description).choose(run.scores).edges))


def test_a_part_that_the_search_tried_has_the_faithfulness_found_there(run):
    tried = list(tried_by(run))
    assert len(tried) > 3
    for ranking, size, value, interval in tried:
        names = edges_of(run, ranking, size)
        if len(names) == size:
            part = part_faithfulness(run, names)
            assert part is not None
            low, high = interval or (None, None)
            assert (part.value, part.low, part.high) == (value, low, high)
            assert part.whole == run.circuit.metrics["faithfulness_on_choosing"]


def test_nothing_is_known_of_other_edges(run):
    ranking, size, *_ = next(row for row in tried_by(run) if row[1] > 1)
    names = sorted(edges_of(run, ranking, size))
    other = next(item.name for item in reversed(run.circuit.edges) if item.name not in names)
    assert part_faithfulness(run, frozenset([*names[1:], other])) is None
    assert part_faithfulness(run, frozenset(names[1:])) is None


def test_parts_among_chosen_components_are_those_that_were_run(tiny, circuits, tmp_path):
    """Components first, then the edges among them: the same edges, run anew, are as faithful as is said of them."""
    name = circuits(*tiny.arguments, "--method", "activation-patching", "--tolerance", "0.2", "--json").json["run"]
    run = open_run(tmp_path / "runs" / name)
    assert run.circuit.selection["name"] == "top-components"
    parts = list(tried_parts(run, 1, run.circuit.n_edges))
    tried = [n for choice in run.summary["choice"]["choices"] for n, _ in choice["searches"][-1]["tried"]]
    assert len(parts) == len([n for n in tried if 1 <= n <= run.circuit.n_edges])
    whole = frozenset(item.name for item in run.circuit.edges)
    assert part_faithfulness(run, whole).value == run.circuit.metrics["faithfulness_on_choosing"]
