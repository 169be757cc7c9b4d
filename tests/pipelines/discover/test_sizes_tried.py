"""A size that was given and is too small: the larger ones that were tried are kept, told and drawn."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from pipelines import open_run
from pipelines.discover.circuit_warnings import of_circuit
from pipelines.discover.sizes_tried import all_searches, larger_sizes, lost_sizes, taken_searches
from pipelines.page.extras import extras_of
from pipelines.report.chapters.discovery import read
from tests.pipelines.discover.test_monotone import variants

Command = Callable[..., Any]


def asked(tiny: Any) -> tuple[str, ...]:
    """Prompts that differ little, so that what their circuits keep has intervals."""
    return "discover", variants(tiny, 5), "--model", str(tiny.model), "--ranking", "signed"


@pytest.fixture
def few(circuits: Command, tiny: Any) -> Any:
    answer = circuits(*asked(tiny), "--edges", "4")
    return answer, open_run(answer.stdout.split()[0])


def test_larger_sizes_are_kept_with_what_they_give_and_stand_on_page_and_report(few, circuits: Command, tiny: Any):
    answer, run = few
    larger = larger_sizes(run.summary["choice"])
    assert larger is not None
    (size, share), *others = larger["tried"]
    assert (size, share) == (4, run.summary["faithfulness_on_choosing"])
    assert larger["intervals"][0] == run.summary["faithfulness_on_choosing_interval"]
    assert f"({len(others)} larger sizes tried" in " ".join(answer.stdout.replace("│", " ").split())
    # What is kept of the size that would do is what a run of that size gives.
    assert larger["size"] == run.summary["choice"]["would_do"]
    enough = circuits(*asked(tiny), "--edges", str(larger["size"]), "--json").json
    at = [size for size, _ in larger["tried"]].index(larger["size"])
    assert enough["faithfulness_on_choosing"] == pytest.approx(larger["tried"][at][1])
    assert enough["faithfulness_on_choosing_interval"] == pytest.approx(larger["intervals"][at])
    assert "larger sizes tried" not in json.dumps(enough)
    (curve,) = extras_of(run).curves
    assert [[point.n, point.value] for point in curve.points] == larger["tried"]
    assert [[point.low, point.high] for point in curve.points] == larger["intervals"]
    assert all(low < value < high for _, value, low, high in curve.points)
    assert any(getattr(piece, "name", "").endswith("sizes") for piece in read(run).results)


def test_a_run_that_kept_no_larger_sizes_is_read_and_says_so(few):
    _, run = few
    choice = {name: value for name, value in run.summary["choice"].items() if name != "larger_sizes"}
    assert all_searches(choice) == []
    said = lost_sizes(choice)
    assert said is not None
    assert said.startswith(f"larger sizes were tried, of which {choice['would_do']:,} edges would do")
    assert lost_sizes(run.summary["choice"]) is None
    run.__dict__["summary"] = run.summary | {"choice": choice}
    extras = extras_of(run)
    assert extras.curves == ()
    assert extras.unmeasured["sizes"] == said
    # Where none of them would do, the number of circuits that were run tells it.
    failed = choice | {"would_do": None}
    assert (lost_sizes(failed) or "").startswith("larger sizes were tried, none of which would do")
    assert lost_sizes(failed | {"n_runs": 1}) is None


def test_a_fall_beyond_the_size_that_was_given_is_said_of_the_ranking_that_was_taken():
    falls = [{"smaller": 8, "larger": 16, "change": -0.5, "interval": [-0.6, -0.4]}]
    larger = {"of": "edges", "size": 32, "tried": [[8, 0.6], [16, 0.1], [32, 0.9]], "falls": falls}
    choices = [{"ranking": "signed", "searches": []}, {"ranking": "absolute", "searches": []}]
    choice = {"ranking": "absolute", "choices": choices, "would_do": 32, "larger_sizes": larger}
    assert all_searches(choice) == [("absolute", larger)]
    assert taken_searches(choice) == [larger]
    summary = {
        "faithfulness": 0.6,
        "faithfulness_interval": [0.5, 0.7],
        "faithfulness_on_choosing": 0.6,
        "n_choosing": 16,
        "judged_on": "held-out",
        "circuit": {"n_edges": 8, "of_edges": 479},
        "choice": choice,
    }
    unfaithful, fall = of_circuit(summary, tolerance=0.15, searching=None)
    assert "32 edges would do" in unfaithful
    assert "8 edges keep 0.600, and 16 keep 0.100" in fall
