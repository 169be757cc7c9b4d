"""Which circuits a choice is expected to run, and what that weighs once there are prompts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from circuits.evaluation.criteria import CircuitRunner
from circuits.evaluation.sizes import expected_end, expected_sizes
from circuits.metrics import METRICS
from circuits.model.lengths import TOKENS_PER_PASS
from circuits.model.load import load_model
from pipelines.costs.shape import SHAPES
from pipelines.discover.expected import SearchFor, StillExpected, expected_to_choose
from pipelines.discover.plan import DiscoverPlan, selection_of
from pipelines.discover.run import jobs_of
from pipelines.discover.settings import DiscoverSettings
from pipelines.engine.store import Store
from pipelines.runs.circuit_runs import lengths_from
from pipelines.runs.run import open_run
from tests.conftest import random_prompts

SHAPE = SHAPES[0]
N_EDGES = SHAPE.wiring.n_edges


def expected(**given: Any) -> list[float]:
    """How many edges each circuit has that is expected, to the nearest."""
    settings = selection_of(DiscoverSettings(task="ioi", **given))
    return [round(N_EDGES * one.share) for one in expected_to_choose(settings, SHAPE)]


def test_a_search_is_expected_to_end_with_few_edges_and_the_other_ranking_below():
    first = expected_sizes(N_EDGES)
    end = expected_end(N_EDGES)
    assert end in first
    assert 30 <= end <= 50
    both = expected(method="eap")
    assert both[: len(first)] == first
    later = both[len(first) :]
    assert later == sorted(later)
    assert later[-1] == end - 1
    assert expected(method="eap", ranking="signed") == first


def test_a_size_that_is_given_is_run_and_larger_ones_every_second_time():
    first, second, *larger = expected(method="eap", edges=100)
    assert first == second == 100
    assert larger == expected_sizes(N_EDGES, smallest=100)[1:]
    settings = selection_of(DiscoverSettings(task="ioi", method="eap", edges=100))
    assert [one.n for one in expected_to_choose(settings, SHAPE)] == [1, 1, *[0.5] * len(larger)]


def test_components_are_searched_and_then_edges_among_them():
    sizes = expected(method="activation-patching", ranking="signed")
    assert sizes[-len(expected_sizes(N_EDGES)) :] == expected_sizes(N_EDGES)
    assert len(sizes) == len(expected_sizes(N_EDGES)) + len(expected_sizes(SHAPE.n_writers - 1))
    given = expected(method="activation-patching", ranking="signed", nodes=9, edges=50)
    assert given == [50]


def still_expected(method: str) -> tuple[StillExpected, Callable[[], float]]:
    """Of a run with one ranking, and what is expected of it now, in passes."""
    settings = selection_of(DiscoverSettings(task="ioi", method=method, ranking="signed"))
    model = load_model("reference")
    runner = CircuitRunner(model, random_prompts(8, 20), METRICS["logit-difference"])
    found = StillExpected(settings, runner)
    return found, lambda: found.passes


def test_what_is_known_of_smaller_and_larger_circuits_bounds_what_is_expected():
    expected, passes_now = still_expected("eap")
    search = SearchFor("signed", "edges")
    expected.expect(search, [8, 16])
    guessed = passes_now()
    expected.learn(search, 32, 0.001)
    expected.expect(search, [8, 16])
    assert passes_now() == pytest.approx(0.002)
    expected.learn(search, 4, 0.0005)
    expected.learn(search, 32, 100.0)
    expected.expect(search, [8, 16])
    assert passes_now() == pytest.approx(guessed)
    expected.learn(search, 4, 50.0)
    expected.expect(search, [8, 16])
    assert passes_now() == pytest.approx(100.0)
    expected.expect(search, [])
    assert passes_now() == 0


def test_what_is_expected_of_one_search_leaves_the_others():
    expected, passes_now = still_expected("activation-patching")
    of_both = passes_now()
    expected.expect(SearchFor("signed", "components"), [])
    assert 0 < passes_now() < of_both
    expected.expect(SearchFor("signed", "edges"), [])
    assert passes_now() == 0


def test_what_runs_circuits_weighs_what_its_prompts_take_once_they_are_there(computed_run: dict[str, Any]):
    run = open_run(computed_run["folder"])
    found = DiscoverPlan(run.config, jobs_of(run), Store(Path(run.folder).parent))
    jobs, lengths = found.jobs, lengths_from(found.store.read(found.jobs.choosing.key))
    passes = found.passes_after(jobs.choosing)
    assert passes[jobs.baseline.key] == pytest.approx(2 * (len(lengths.n_run) + TOKENS_PER_PASS / lengths.mean))
    assert passes[jobs.choose.key] > passes[jobs.baseline.key]
    assert found.passes_after(jobs.judging).keys() >= {jobs.judged_baseline.key, *(job.key for job in jobs.judge)}
    assert found.passes_after(jobs.choose) == {}
