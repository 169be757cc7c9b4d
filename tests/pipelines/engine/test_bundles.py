"""Short jobs go to workers together where there are many threads; every job goes once, and in the same order."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from circuits.result import Result
from pipelines.engine.bundles import Bundles
from pipelines.engine.job import Job
from pipelines.engine.ready import Ready
from pipelines.engine.stage import Stage

STAGES = [Stage(name, 1, lambda settings, inputs, model: Result({})) for name in ("short", "long")]


def jobs(n_jobs: int, stage: Stage = STAGES[0]) -> list[Job]:
    return [Job(stage, {"number": number}) for number in range(n_jobs)]


def learnt(seconds: float, stage: Stage = STAGES[0]) -> Bundles:
    """Bundles that know how long jobs of a stage take."""
    bundles = Bundles()
    for job in jobs(2, stage):
        bundles.learn(job, seconds)
    return bundles


def taken(bundles: Bundles, todo: list[Job], n_threads: int) -> list[list[Job]]:
    ready, tasks = Ready(todo), []
    while task := bundles.take(ready, n_threads):
        tasks.append(task)
    return tasks


def test_short_jobs_go_together_where_there_are_many_threads():
    assert len(learnt(0.1).take(Ready(jobs(10_000)), 200)) == 10


def test_few_threads_get_one_job_at_a_time():
    assert all(len(task) == 1 for task in taken(learnt(0.1), jobs(100), 4))


def test_jobs_of_unknown_length_go_alone():
    assert len(Bundles().take(Ready(jobs(10_000)), 200)) == 1
    assert len(learnt(0.1).take(Ready(jobs(10_000, STAGES[1])), 200)) == 1


def test_the_last_jobs_are_left_for_every_thread():
    assert all(len(task) == 1 for task in taken(learnt(0.001), jobs(200), 200))


def test_what_took_longer_than_expected_goes_alone_from_then_on():
    bundles = learnt(0.1)
    for job in jobs(1000):
        bundles.learn(job, 5.0)
    assert len(bundles.take(Ready(jobs(10_000)), 200)) == 1


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 60), st.integers(0, 40), st.integers(1, 30), st.floats(1e-4, 1))
def test_every_job_is_taken_once_in_the_order_of_one_at_a_time(n_short, n_long, n_threads, seconds):
    todo = [*jobs(n_short), *jobs(n_long, STAGES[1])]
    tasks = taken(learnt(seconds), todo, n_threads)
    assert [job for task in tasks for job in task] == Ready(todo).take(len(todo))
    most_s = max((seconds * len(task) for task in tasks if len(task) > 1), default=0.0)
    assert most_s <= 0.005 * n_threads * 1.001
