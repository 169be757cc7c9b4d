"""Jobs begin once, never before those that they wait for, and the one that most work waits for first."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from circuits.result import Result
from pipelines.engine.job import Job, keys_of
from pipelines.engine.ready import Ready
from pipelines.engine.stage import Stage

STAGE = Stage("count", 1, lambda settings, inputs, model: Result({}))


def job(name: str, *before: Job, after: tuple[Job, ...] = (), weight: float = 1) -> Job:
    return Job(STAGE, {"name": name}, {"before": keys_of(before)}, after=keys_of(after), weight=weight)


@st.composite
def plans(draw: st.DrawFn) -> list[Job]:
    """Jobs that wait for some of those before them."""
    jobs: list[Job] = []
    for number in range(draw(st.integers(1, 12))):
        before = draw(st.lists(st.sampled_from(jobs), unique_by=id)) if jobs else []
        after = draw(st.lists(st.sampled_from(jobs), unique_by=id)) if jobs else []
        jobs.append(job(str(number), *before, after=tuple(after), weight=draw(st.integers(1, 9))))
    return jobs


@settings(max_examples=100, deadline=None)
@given(plans(), st.integers(1, 5), st.randoms(use_true_random=False))
def test_every_job_begins_once_and_after_those_it_waits_for(plan, n_at_once, random):
    ready, begun, done = Ready(plan), [], set()
    while ready.n_left:
        taken = ready.take(n_at_once)
        for one in taken:
            assert {key for keys in one.inputs.values() for key in keys} | set(one.after) <= done
        begun += taken
        running = [one for one in begun if one.key not in done]
        assert running, "nothing runs, and nothing can begin"
        ended = random.choice(running)
        done.add(ended.key)
        ready.done(ended)
    assert sorted(one.key for one in begun) == sorted(one.key for one in plan)


def test_what_is_not_in_the_plan_counts_as_done():
    kept = job("kept")
    assert Ready([job("next", kept)]).take(5) == [job("next", kept)]


def test_the_job_that_most_work_waits_for_begins_first():
    short, long = job("short", weight=3), job("long", weight=1)
    ready = Ready([short, long, job("behind", long, weight=5)])
    assert ready.take(2) == [long, short]


def test_a_job_that_is_put_back_begins_again_in_its_place():
    plan = [job(str(number)) for number in range(4)]
    ready = Ready(plan)
    assert ready.take(2) == plan[:2]
    ready.put_back(plan[1])
    assert ready.first == plan[1]
    assert ready.take(4) == plan[1:]
    assert ready.n_left == 4


def test_jobs_of_equal_weight_begin_in_the_order_of_the_plan():
    plan = [job(str(number)) for number in range(20)]
    assert Ready(plan).take(20) == plan
