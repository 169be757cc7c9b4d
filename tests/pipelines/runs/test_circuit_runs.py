"""What circuits weigh on some prompts, and how many are said to be run."""

from __future__ import annotations

from pathlib import Path

import pytest

from circuits.model.lengths import TOKENS_PER_PASS
from pipelines.costs.circuit_runs import Circuits
from pipelines.engine.job import Job
from pipelines.engine.result_file import Result
from pipelines.engine.stage import Stage
from pipelines.engine.store import Store
from pipelines.runs.circuit_runs import Lengths, Planned, Runner, how_many, outlook

WHOLE = [Circuits(3, are_whole=True)]  # a pass each


def test_a_weight_is_of_the_tokens_that_are_run():
    """Those of prompts that come together, from the earliest difference on."""
    runner = Runner(None, Lengths([10, 10], [5, 1]))
    # Clean and ablated, each of which takes as long as one of some tokens more.
    in_prompts = TOKENS_PER_PASS / 10
    assert runner.weight(0, 2, []) == pytest.approx(2 * (2 + in_prompts))
    assert runner.weight(0, 2, WHOLE, n_recorded=2) == pytest.approx(4 * (2 + in_prompts) + 1.0 * 3)
    assert runner.weight(0, 1, WHOLE) == pytest.approx(2 * (1 + in_prompts) + 0.5 * 3)
    # Half of the prompts, where these are not made yet.
    assert Runner(None, None).weight(0, 4, WHOLE) == pytest.approx(4 * (2 + 0.5 * 3))


def test_long_prompts_weigh_more_than_short_ones_beside_them():
    runner = Runner(None, Lengths([10, 30], [10, 30]))
    of_circuits = [runner.weight(n, n + 1, WHOLE) - runner.weight(n, n + 1, []) for n in (0, 1)]
    assert of_circuits[1] == pytest.approx(3 * of_circuits[0])
    assert runner.weight(1, 2, []) - runner.weight(0, 1, []) == pytest.approx(2 * 20 / 20)


def test_circuits_that_are_run_one_after_the_other_have_one_recorded_run():
    runner = Runner(None, Lengths([10], [10]))
    each = runner.weight_of_each(0, 1, [*WHOLE, *WHOLE])
    assert each == pytest.approx(runner.weight(0, 1, [*WHOLE, *WHOLE]))
    assert runner.n_prompts == 1
    assert Runner(None, None).n_prompts == 0


def test_circuits_are_counted_of_stages_that_lack_a_result(tmp_path: Path):
    store = Store(tmp_path)
    store.prepare()
    stage = Stage("numbers", 1, lambda settings, inputs, model: Result({}, {}))
    jobs = [Job(stage, {"n": n}) for n in range(3)]
    for job in jobs[:2]:
        store.write(job.key, stage.name, Result({}, {}))
    planned = [Planned(tuple(jobs[:2]), 5), Planned(tuple(jobs[1:]), 7), Planned((), 9)]
    assert how_many(store, planned) == 7
    assert outlook(7) == "about 7 circuits are run"
    assert outlook(0) == ""
