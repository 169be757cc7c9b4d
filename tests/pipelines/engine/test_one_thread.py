"""Every job computes on one thread, also with libraries that were loaded after the first one."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from pipelines.engine.one_thread import limit_threads


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    with threadpool_limits(3):
        yield


def threads() -> set[int]:
    return {library["num_threads"] for library in threadpool_info()}


def test_what_has_threads_uses_one_again_and_again():
    for _ in range(2):
        with threadpool_limits(2):
            assert threads() == {2}
            limit_threads()
            assert threads() == {1}


LATER = """
from threadpoolctl import threadpool_info
from pipelines.engine.one_thread import limit_threads
limit_threads()
n_before = len(threadpool_info())
import scipy.linalg
limit_threads()
print(n_before, sorted(library["num_threads"] for library in threadpool_info()))
"""


def test_a_library_that_a_job_loads_is_limited_for_the_next():
    done = subprocess.run(
        [sys.executable, "-c", LATER], check=True, capture_output=True, text=True, env={"OMP_NUM_THREADS": "2"}
    )
    n_before, _, numbers = done.stdout.strip().partition(" ")
    assert set(numbers.strip("[]").split(", ")) == {"1"}
    assert len(numbers.split(", ")) > int(n_before)
