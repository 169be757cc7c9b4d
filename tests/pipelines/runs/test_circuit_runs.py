"""What circuits weigh on some prompts, and how many are said to be run."""

from __future__ import annotations

from pathlib import Path

import pytest

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
    assert runner.weight(0, 2, []) == 2 * 2  # clean and ablated
    assert runner.weight(0, 2, WHOLE, n_recorded=2) == pytest.approx(2 * 4 + 1.0 * 3)
    assert runner.weight(0, 1, WHOLE) == pytest.approx(2 + 0.5 * 3)
    # Half of the prompts, where these are not made yet.
    assert Runner(None, None).weight(0, 4, WHOLE) == pytest.approx(4 * (2 + 0.5 * 3))


def test_long_prompts_weigh_more_than_short_ones_beside_them():
    runner = Runner(None, Lengths([10, 30], [10, 30]))
    assert runner.weight(1, 2, WHOLE) == pytest.approx(3 * runner.weight(0, 1, WHOLE))


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
