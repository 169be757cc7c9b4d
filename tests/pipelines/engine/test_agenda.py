"""What is left of each kind of job follows each change of a job, and is what adding up all of them gives."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from pipelines.engine.agenda import Agenda
from pipelines.engine.job import Job
from pipelines.engine.result_file import Result
from pipelines.engine.stage import Stage


def jobs_of(name: str, n_jobs: int, weight: float, *, is_apart: bool = False) -> list[Job]:
    stage = Stage(name, 1, lambda settings, inputs, model: Result({}))
    return [Job(stage, {"n": n}, weight=weight + n, is_apart=is_apart) for n in range(n_jobs)]


def test_what_is_left_is_the_sum_over_the_jobs_that_are_not_done():
    jobs = [*jobs_of("measure", 6, 10), *jobs_of("judge", 4, 0.1), *jobs_of("minimize", 5, 100, is_apart=True)]
    agenda, draw, left = Agenda(jobs), np.random.default_rng(0), list(jobs)
    while left:
        job = left.pop(draw.integers(len(left)))
        agenda.reweigh({jobs[n].key: draw.uniform(0, 50) for n in draw.choice(len(jobs), 3)})
        agenda.done(job)
        counts, weights = Counter[object](), Counter[object]()
        for kind, weight, _ in map(agenda.of, left):
            counts[kind] += 1
            weights[kind] += weight
        assert {kind: of.n_jobs for kind, of in agenda.left.items()} == counts
        assert {kind: of.weight for kind, of in agenda.left.items()} == pytest.approx(weights)
        assert agenda.weight == pytest.approx(sum(agenda.of(job).weight for job in jobs))
    assert not agenda.left


def test_a_job_that_two_stores_lack_counts_once():
    jobs = jobs_of("measure", 3, 10)
    agenda = Agenda([*jobs, jobs[0]])
    assert agenda.weight == sum(left.weight for left in agenda.left.values()) == 33
    for _ in range(2):
        agenda.done(jobs[0])
    assert [(left.weight, left.n_jobs) for left in agenda.left.values()] == [(23, 2)]
