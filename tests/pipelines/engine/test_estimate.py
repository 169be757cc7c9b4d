"""Times left are right within a factor of two once a tenth of the work is done, on jobs whose seconds are known."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from pipelines.engine.estimate import Estimate
from pipelines.engine.job import Job
from pipelines.engine.result_file import Result
from pipelines.engine.stage import Stage

MODEL = {"model": "tiny"}
APART = ("prompts", "check", "exact")


def stage(name: str) -> Stage:
    return Stage(name, 1, lambda settings, inputs, model: Result({}))


def jobs_of(name: str, n_jobs: int, weight: float = 16, *, model: bool = True, method: str = "eap") -> list[Job]:
    settings, is_apart = {"method": {"name": method}}, name in APART
    return [
        Job(stage(name), settings | {"n": n}, locations=MODEL if model else {}, weight=weight, is_apart=is_apart)
        for n in range(n_jobs)
    ]


def times_left(work: list[tuple[list[Job], float]], *, warm_up_s: float = 0.0) -> list[tuple[float, float, float]]:
    """(share of the work that is done, seconds left as estimated, as they were) after each job; where told.

    work       jobs, and seconds per weight of these
    warm_up_s  what the first job of each kind takes more, for what it imports
    """
    every = [(job, rate) for jobs, rate in work for job in jobs]
    firsts = {jobs[0].key for jobs, _ in work}
    took = [job.weight * rate + (warm_up_s if job.key in firsts else 0.0) for job, rate in every]
    estimate, left = Estimate([job for job, _ in every], 1), sum(took)
    told = []
    for (job, _), seconds in zip(every, took, strict=True):
        estimate.done(job, seconds)
        left -= seconds
        if estimate.left_s is not None:
            told.append((1 - left / sum(took), estimate.left_s, left))
    return told


def require_right(told: list[tuple[float, float, float]], *, factor: float = 2.0) -> None:
    judged = [(said, true) for share, said, true in told if share >= 0.1 and true > 1e-9]
    assert judged
    for said, true in judged:
        assert true / factor <= said <= true * factor


def first_jobs() -> list[tuple[list[Job], float]]:
    """Those every run begins with: their weights say nothing of their seconds."""
    return [
        (jobs_of("prompts", 1, 1), 0.4),
        (jobs_of("part", 1, 1, model=False), 0.001),
        (jobs_of("check", 1, 1), 0.05),
    ]


@pytest.mark.parametrize("rate", [0.001, 0.05, 3.0])
def test_one_stage_is_right_whatever_its_pace(rate: float):
    require_right(times_left([*first_jobs(), (jobs_of("measure", 40), rate)]), factor=1.01)


def test_what_the_first_job_of_a_stage_imports_is_not_taken_for_its_pace():
    # 60 s before the first of 40 jobs of 0.5 s: at that pace, 40 minutes would be left instead of 20 s.
    told = times_left([*first_jobs(), (jobs_of("measure", 40, 10), 0.05)], warm_up_s=60.0)
    for _, said, true in told[-38:-1]:
        assert said == pytest.approx(true)


def test_stages_of_other_paces_are_right_once_a_tenth_is_done():
    # Within a factor of 2 in seconds per weight, either way, of the stage that comes first and takes a tenth.
    for faster, slower in itertools.permutations([0.03, 0.05], 2):
        require_right(times_left([*first_jobs(), (jobs_of("measure", 8), faster), (jobs_of("judge", 30), slower)]))


def test_jobs_that_run_no_model_are_not_priced_like_those_that_do():
    work = [*first_jobs(), (jobs_of("measure", 20), 0.5), (jobs_of("table", 200, 1, model=False), 0.001)]
    require_right(times_left(work))


def test_random_runs_are_right():
    draw = np.random.default_rng(0)
    for _ in range(50):
        rate = 10 ** draw.uniform(-3, 1)
        stages = [
            (
                jobs_of(f"stage-{number}", int(draw.integers(4, 30)), draw.uniform(1, 60)),
                rate * draw.uniform(0.75, 1.33),
            )
            for number in range(int(draw.integers(1, 5)))
        ]
        require_right(times_left([*first_jobs(), *stages]))


def test_methods_and_models_have_paces_of_their_own():
    slow, fast = jobs_of("measure", 4, method="acdc"), jobs_of("measure", 4, method="eap")
    estimate = Estimate([*slow, *fast], 1)
    estimate.done(slow[0], 160.0)
    estimate.done(fast[0], 1.6)
    assert estimate.left_s == pytest.approx(3 * 160.0 + 3 * 1.6)


def test_nothing_is_told_before_a_model_has_run():
    first, *rest = [*jobs_of("prompts", 1, 1, model=False), *jobs_of("measure", 3)]
    estimate = Estimate([first, *rest], 1)
    assert estimate.left_s is None
    estimate.done(first, 5.0)
    assert estimate.left_s is None
    estimate.done(rest[0], 8.0)
    assert estimate.left_s == pytest.approx(16.0)


def test_what_was_computed_before_gives_the_pace_at_once():
    before, *rest = jobs_of("measure", 5)
    estimate = Estimate(rest, 2)
    estimate.learn(before, 8.0)
    assert estimate.left_s == pytest.approx(4 * 8.0 / 2)
    assert estimate.share == 0.0


@pytest.mark.parametrize("slower", [0.4, 1.0, 3.0])
def test_a_machine_that_is_slower_or_faster_than_before_is_told_from_what_is_done_now(slower: float):
    todo = [
        jobs_of(name, 1, weight)[0] for name, weight in [("random", 20), ("curve", 20), ("search", 100), ("sets", 20)]
    ]
    estimate = Estimate(todo, 1)
    for before in jobs_of("measure", 4, 50):
        estimate.learn(before, 50.0)
    assert estimate.left_s == pytest.approx(160)
    estimate.done(todo[0], 20 * slower)
    assert 140 * slower / 2 <= (estimate.left_s or 0) <= 140 * slower * 2
    estimate.reached(todo[1], 0.0, 0.0)
    estimate.reached(todo[1], 0.5, 10 * slower)
    assert 130 * slower / 1.7 <= (estimate.left_s or 0) <= 130 * slower * 1.7
    estimate.done(todo[1], 20 * slower)
    assert 120 * slower / 1.6 <= (estimate.left_s or 0) <= 120 * slower * 1.6


def test_a_single_job_takes_no_less_where_several_can_run_at_once():
    before, *rest = jobs_of("measure", 3)
    choose, earlier = jobs_of("choose", 2, 64)
    estimate = Estimate([*rest, choose], 2)
    estimate.learn(before, 8.0)
    estimate.learn(earlier, 32.0)
    assert estimate.left_s == pytest.approx(2 * 8.0 / 2 + 32.0)


def test_the_share_goes_from_0_to_1_with_the_seconds():
    jobs = jobs_of("measure", 4)
    estimate = Estimate(jobs, 1)
    shares = [estimate.share]
    for job in jobs:
        estimate.done(job, 3.0)
        shares.append(estimate.share)
    assert shares == pytest.approx([0.0, 0.25, 0.5, 0.75, 1.0])
    assert estimate.left_s == 0.0


def test_a_cost_that_was_not_kept_changes_no_pace():
    jobs = jobs_of("measure", 3)
    estimate = Estimate(jobs, 1)
    estimate.done(jobs[0], 4.0)
    estimate.done(jobs[1], None)
    assert estimate.left_s == pytest.approx(4.0)


def test_a_stage_of_unknown_cost_is_not_priced_like_others():
    # Exact scores take a hundred times their weight: they say nothing of what comes after, nor the baseline of them.
    baseline, exact, choose = jobs_of("baseline", 1, 32), jobs_of("exact", 2, 160), jobs_of("choose", 1, 64)
    estimate = Estimate([*baseline, *exact, *choose], 1)
    estimate.done(baseline[0], 3.2)
    assert estimate.left_s is None
    estimate.done(exact[0], 1600.0)
    assert estimate.left_s == pytest.approx(1600.0 + 6.4)


def test_a_job_that_runs_gives_a_pace_and_counts_by_how_much_of_it_is_done():
    baseline, exact = jobs_of("baseline", 1, 32), jobs_of("exact", 2, 160)
    estimate = Estimate([*baseline, *exact], 1)
    estimate.done(baseline[0], 4.0)
    estimate.reached(exact[0], 0.25, 100.0)
    assert estimate.left_s == pytest.approx(300.0 + 400.0)
    assert estimate.share == pytest.approx(104 / 804)
    estimate.done(exact[0], 500.0)
    assert estimate.left_s == pytest.approx(500.0)


def test_the_first_moments_of_a_job_say_nothing():
    (exact,) = jobs_of("exact", 1, 160)
    estimate = Estimate([exact], 1)
    estimate.reached(exact, 0.001, 20.0)
    estimate.reached(exact, 0.2, 0.01)
    assert estimate.left_s is None


def test_of_a_job_of_hours_a_time_is_told_before_a_hundredth_of_it():
    (exact,) = jobs_of("exact", 1, 160)
    estimate = Estimate([exact], 1)
    estimate.reached(exact, 0.0, 0.0)
    assert estimate.left_s is None
    estimate.reached(exact, 0.005, 36.0)
    assert estimate.left_s == pytest.approx(7200 - 36)


def test_time_goes_on_in_a_job_that_does_not_tell_how_far_it_is(monkeypatch: pytest.MonkeyPatch):
    now = 100.0
    monkeypatch.setattr("pipelines.engine.estimate.time.monotonic", lambda: now)
    jobs = jobs_of("train", 4)
    estimate = Estimate(jobs, 1)
    estimate.begun(jobs[0])
    assert estimate.left_s is None
    estimate.done(jobs[0], 20.0)
    estimate.begun(jobs[1])
    assert (estimate.left_s, estimate.share) == (60.0, 0.25)
    now = 105.0
    assert (estimate.left_s, estimate.share) == (55.0, 25 / 80)
    now = 200.0  # much longer than it should take: nothing is known of it, but that the others have not begun
    assert (estimate.left_s, estimate.share) == (40.0, 0.5)
    estimate.reached(jobs[1], 0.5, 100.0)
    # Half of it in 100 s, and a tenth as if in a tenth of 20 s.
    assert estimate.left_s == pytest.approx((100 + 0.1 * 20) / 0.6 * 0.5 + 40)
    estimate.done(jobs[1], 200.0)
    assert estimate.left_s == 2 * (20.0 + 200.0) / 2


def test_the_first_steps_of_a_job_say_little_where_others_tell_its_pace():
    jobs = jobs_of("slice", 2, 1.0)
    estimate = Estimate(jobs, 1)
    estimate.done(jobs[0], 10.0)
    told = []
    for share, seconds in ((0.01, 1.0), (0.1, 1.9), (0.5, 5.9)):
        estimate.reached(jobs[1], share, seconds)
        told.append(estimate.left_s)
    # A tenth of a second for each hundredth, but for the first, which took ten times as long.
    assert all(left_s / (10.0 * (1 - share)) < 2 for left_s, share in zip(told, (0.01, 0.1, 0.5), strict=True))
    assert told == sorted(told, reverse=True)


def test_weights_that_become_known_move_what_is_left():
    baseline, search = jobs_of("baseline", 1, 32), jobs_of("exact", 4, 1000)
    (result,) = jobs_of("result", 1, 1, model=False)
    estimate = Estimate([*baseline, *search, result], 1)
    estimate.done(baseline[0], 3.2)
    assert estimate.left_s is None
    # Two rounds have nothing to do, and what they give takes a tenth of the others.
    weights = {search[0].key: 100.0, search[1].key: 50.0, search[2].key: 0.0, search[3].key: 0.0, result.key: 15.0}
    estimate.reweigh(weights)
    assert estimate.left_s == pytest.approx(16.5)
    estimate.reached(search[0], 0.5, 10.0)
    left_s = (10.0 + 0.1 * 10.0) / 0.6 * 0.5
    assert estimate.left_s == pytest.approx(left_s + (10.0 + left_s) / 100 * (50.0 + 15.0))
    # It ran more than was expected, and ends the search.
    estimate.reweigh({search[0].key: 200.0, search[1].key: 0.0, result.key: 20.0, "no job of these": 1.0})
    estimate.done(search[0], 40.0)
    for job in search[1:]:
        estimate.done(job, 0.0)
    assert estimate.left_s == pytest.approx(0.2 * 20.0)
    estimate.done(result, 3.0)
    assert (estimate.left_s, estimate.share) == (0.0, 1.0)


def test_kinds_that_are_apart_must_be_known_by_themselves():
    """Their weight says nothing: it may be most of the work."""
    baseline, scores, train = jobs_of("baseline", 1, 100), jobs_of("measure", 40, 100), jobs_of("exact", 2, 40)
    estimate = Estimate([*baseline, *train, *scores], 1)
    estimate.done(baseline[0], 1.0)
    assert estimate.left_s is None
    estimate.reached(train[0], 0.5, 50.0)
    assert estimate.left_s == pytest.approx(150.0 + 40.0)


def test_sums_that_round_otherwise_are_no_less_than_nothing_done():
    weights = [(name, weight) for name, weight in zip("abcdef", (0.1, 0.7, 0.3, 0.2, 0.6, 0.1), strict=True)]
    for turn in range(len(weights)):
        for step in (1, -1):
            ordered = (weights[turn:] + weights[:turn])[::step]
            # Two jobs of each kind: the kinds are summed one by one, the jobs all together.
            todo = [job for name, weight in ordered * 2 for job in jobs_of(name, 1, weight)]
            assert 0 <= Estimate(todo, at_once=1).share <= 1


def test_what_comes_before_a_job_can_be_told_is_no_part_of_its_pace():
    """A screen of 20 s, and then 1 % in each second."""
    (job,) = jobs_of("exact", 1)
    estimate = Estimate([job], 1)
    for seconds in (5.0, 20.0):
        estimate.reached(job, 0.0, seconds)
        assert estimate.left_s is None
    estimate.reached(job, 0.1, 30.0)
    assert estimate.left_s == pytest.approx(90.0)
    estimate.reached(job, 0.5, 70.0)
    assert estimate.left_s == pytest.approx(50.0)


def test_what_comes_once_at_the_beginning_of_a_job_is_no_part_of_its_pace():
    """Five seconds before the first fiftieth, as where prompts are recorded; then a second each."""
    before, todo = jobs_of("measure", 2, 50)
    estimate = Estimate([todo], 1)
    estimate.learn(before, 50.0)
    estimate.reached(todo, 0.0, 0.0)
    for done in range(1, 40):
        estimate.reached(todo, done / 50, 4.0 + done)
        assert estimate.left_s == pytest.approx(50 - done, rel=0.01)
