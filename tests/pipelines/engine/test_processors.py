"""Jobs run on processors that are free, and on one where none is."""

from __future__ import annotations

import os

import psutil
import pytest
import torch

from pipelines.engine import processors
from pipelines.engine.processors import free_processors, processors_now, said


@pytest.mark.parametrize(
    ("n_allowed", "n_of_machine", "load", "expected"),
    [
        (2, 2, 0.0, 2),
        (2, 2, 0.3, 2),
        (2, 2, 1.0, 1),
        (2, 2, 8.0, 1),
        (16, 16, 4.2, 12),
        (4, 64, 8.0, 4),
        (4, 64, 62.0, 2),
        (1, 1, 0.0, 1),
    ],
)
def test_jobs_use_what_other_work_leaves_and_what_this_process_may_use(n_allowed, n_of_machine, load, expected):
    assert free_processors(n_allowed, n_of_machine, load) == expected


def test_the_load_of_now_decides(monkeypatch):
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: {0, 1, 3}, raising=False)
    monkeypatch.setattr(psutil, "getloadavg", lambda: (2.9, 0.0, 0.0))
    assert processors_now() == (1, 3)
    assert said(*processors_now()) == "1 at a time, as other work keeps 2 of 3 processors busy"
    monkeypatch.setattr(psutil, "getloadavg", lambda: (0.1, 9.0, 9.0))
    assert said(*processors_now()) == "3 at a time"


def test_what_is_computed_here_has_as_many_threads_as_there_are_free_processors(monkeypatch):
    monkeypatch.setattr(processors, "processors_now", lambda: (3, 8))
    before = torch.get_num_threads()
    try:
        processors.use_free_processors()
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)
