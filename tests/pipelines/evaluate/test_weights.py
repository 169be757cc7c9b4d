"""Circuits that judge one are those that are run, and all of them are forecast."""

from __future__ import annotations

from pathlib import Path

import pytest

from circuits.components import Wiring
from circuits.evaluation.knockouts import KnockoutSearch
from graphs.circuit_graph import CircuitGraph
from pipelines import discover
from pipelines.costs.circuit_runs import passes
from pipelines.costs.shape import SHAPES
from pipelines.engine.execution import Execution
from pipelines.evaluate.plan import plan
from pipelines.evaluate.settings import EvaluateSettings
from pipelines.evaluate.weights import Judged, n_runs
from pipelines.forecast.line import forecast_before

WIRING = Wiring(4, 4, 4)
OF = ("input", "a0.h0", "m0", "a1.h1", "m1", "a2.h2", "m3", "logits")
CIRCUIT = CircuitGraph.from_edges(
    WIRING, [edge for edge in WIRING.edges if {str(edge.source), str(edge.target)} <= {*OF}]
)
JUDGED = Judged(CIRCUIT, are_whole=False)


@pytest.mark.parametrize(
    "search", [KnockoutSearch(), KnockoutSearch(components=4, grows=False), KnockoutSearch(sets=3)]
)
@pytest.mark.parametrize("n_components", [1, 2, 9])
def test_as_many_circuits_are_knocked_out_as_the_search_says(search: KnockoutSearch, n_components: int):
    assert n_runs(JUDGED.searched(search, n_components)) == search.n_search_runs(n_components)
    assert n_runs(JUDGED.knocked_out(search, n_components)) == search.n_measured_runs(n_components)


def test_hypotheses_run_a_circuit_for_each_part_and_four_for_each_draw():
    assert CIRCUIT.n_edges < 50 < WIRING.n_edges
    for edges, n_removed in ((WIRING.edges, 50), ([item.edge for item in CIRCUIT.edges], CIRCUIT.n_edges)):
        judged = Judged(CircuitGraph.from_edges(WIRING, edges), are_whole=False)
        assert n_runs(judged.for_hypotheses(draws=30, most=50)) == 2 + n_removed + 4 * 30


def test_a_circuit_without_some_of_its_components_takes_less_than_random_edges_of_its_size():
    random, knocked_out = JUDGED.drawn(100), JUDGED.knocked_out(KnockoutSearch(sets=0, steps=0), 25)
    assert n_runs(random) == n_runs(knocked_out) == 100
    assert passes(SHAPES[0], knocked_out) < passes(SHAPES[0], random) / 2


def test_everything_that_judges_a_run_has_a_forecast_of_memory_and_time(tmp_path: Path):
    run = discover("ioi", prompts=16, method="eap", edges=40, out=tmp_path)
    settings, execution = EvaluateSettings(runs=(run,), hypotheses=30, random_curve=2), Execution(out=tmp_path)
    found = forecast_before(plan(settings, execution), execution)
    assert found is not None
    rows = {row.kind.stage: row for row in found.missing}
    stages = {"search-knockouts", "knockouts", "random-circuits", "random-curve", "hypothesis-runs", "curve"}
    assert rows.keys() == stages
    assert all(row.n_bytes and row.work.whole for row in rows.values())
    assert found.untimed == ()
