"""What jobs weigh that run circuits on another task's prompts: as what they then multiply."""

from __future__ import annotations

import pytest

from pipelines import compare, discover
from pipelines.compare.plan import ComparePlan, plan
from pipelines.compare.settings import CompareSettings
from pipelines.compare.weights import circuits_on
from pipelines.costs.circuit_runs import Circuits
from pipelines.engine.execution import Execution


@pytest.fixture(scope="module")
def transfer(tmp_path_factory: pytest.TempPathFactory) -> ComparePlan:
    """Of a task whose prompts of 16 tokens differ from their 11th on, and one whose prompts of 37 from their 6th on."""
    store = tmp_path_factory.mktemp("weights") / "runs"
    runs = [discover(task, prompts=16, edges=40, method="eap", out=store) for task in ("ioi", "docstring")]
    compare(*runs, draws=3, out=store)
    return plan(CompareSettings(runs=tuple(runs), draws=3), Execution(out=store))


def test_a_task_of_long_prompts_weighs_about_as_much_more_as_it_multiplies(transfer: ComparePlan):
    """Within a factor of two: prompts are run together that differ from the earliest token on of any of them."""
    assert transfer.transfer is not None
    jobs, store = transfer.transfer, transfer.transfer.store
    weights = transfer.weights_after(jobs.runs[0].judging)
    assert weights.keys() == {job.key for on_task in jobs.on_task for job in on_task}
    (short,), (long,) = jobs.on_task
    multiplied = {job.key: (store.cost(job.key) or {})["multiply_adds"] for job in (short, long)}
    more = multiplied[long.key] / multiplied[short.key]
    assert more > 2.5
    assert more / 2 <= weights[long.key] / weights[short.key] <= 2 * more


def test_weights_are_told_once_all_prompts_are_known(transfer: ComparePlan):
    assert transfer.transfer is not None
    first, second = transfer.transfer.runs
    assert transfer.weights_after(first.judging) == transfer.weights_after(second.judging) != {}
    assert transfer.weights_after(first.graph) == {}


def test_circuits_are_counted_by_their_sizes():
    on_first = circuits_on(0, [0.1, 0.2], [0], draws=3)
    # Random and renamed ones of both sizes, and the model without what both share, renamed.
    assert list(on_first.once) == [*[0.1] * 6, *[0.2] * 6, *[1.0] * 3]
    # None, both, one of the larger size, half of its own; the union, the shared part, what one has alone, the rest.
    assert list(on_first.twice) == pytest.approx([0, 0.1, 0.2, 0.2, 0.05, 0.3, 0.1, 0.2, 0.1, 1, 1])
    assert on_first.n_runs == 15 + 2 * 11


def test_circuits_are_those_that_are_run_once_and_those_that_are_run_twice():
    on_first = circuits_on(0, [0.1, 0.2], [], draws=1)
    assert sum(alike.n for alike in on_first.circuits) == on_first.n_runs
    assert Circuits(1, 0.2) in on_first.circuits
    assert Circuits(2, 0.2) in on_first.circuits
