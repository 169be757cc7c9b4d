"""What jobs weigh that run circuits on another task's prompts: as what they then multiply."""

from __future__ import annotations

import pytest

from pipelines import compare, discover
from pipelines.compare.plan import ComparePlan, plan
from pipelines.compare.settings import CompareSettings
from pipelines.compare.weights import Circuits, Lengths, circuits_on, weight_on
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


def test_a_weight_is_of_the_tokens_that_are_run():
    one = Circuits([1.0], [])
    recorded = weight_on(0, 2, Circuits([], []), Lengths([10, 10], [5, 1]))
    assert recorded == 2 * 4
    assert weight_on(0, 2, one, Lengths([10, 10], [5, 1])) == pytest.approx(recorded + 0.6 * 2.9)
    assert weight_on(0, 1, one, Lengths([10, 10], [5, 1])) == pytest.approx(4 + 0.5 * 2.9)
    # Half of the prompts, where these are not made yet.
    assert weight_on(0, 1, one, None) == pytest.approx(4 + 0.5 * 2.9)


def test_circuits_of_few_edges_take_less_and_none_takes_nothing():
    lengths = Lengths([10], [10])
    passes = [weight_on(0, 1, Circuits([share], []), lengths) - 4 for share in (0.0, 1e-9, 0.001, 0.1, 1.0)]
    assert passes == pytest.approx([0.4, 0.4, 0.8, 2.2, 2.9])
