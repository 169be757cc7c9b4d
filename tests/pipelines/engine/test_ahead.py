"""So many tasks are sent as threads will want soon, and long ones only to threads that are free."""

from __future__ import annotations

import pytest

from pipelines.engine.ahead import Ahead


def sent(n_threads: int, *, is_long: bool, ahead: Ahead | None = None) -> tuple[int, Ahead]:
    """How many tasks are sent until there is no room."""
    ahead, n_sent = ahead or Ahead(), 0
    while ahead.has_room(n_threads, is_long=is_long):
        ahead.add(f"{is_long}-{n_sent}", is_long=is_long)
        n_sent += 1
    return n_sent, ahead


@pytest.mark.parametrize(("n_threads", "n_sent"), [(0, 32), (1, 32), (16, 32), (200, 400), (1000, 2000)])
def test_two_short_tasks_are_sent_to_each_thread(n_threads, n_sent):
    assert sent(n_threads, is_long=False)[0] == n_sent


@pytest.mark.parametrize(("n_threads", "n_sent"), [(0, 8), (2, 10), (200, 212)])
def test_of_long_tasks_a_few_wait_so_that_a_cluster_may_grow(n_threads, n_sent):
    assert sent(n_threads, is_long=True)[0] == n_sent


def test_a_long_task_does_not_wait_behind_short_ones_or_with_them():
    _, ahead = sent(200, is_long=False)
    assert not ahead.has_room(200, is_long=True)
    for number in range(200):
        ahead.remove(f"False-{number}")
    assert not ahead.has_room(200, is_long=True)
    ahead.remove("False-200")
    assert ahead.has_room(200, is_long=True)
    ahead.add("long", is_long=True)
    assert not ahead.has_room(200, is_long=True)


def test_there_is_room_again_for_each_task_that_ends():
    n_sent, ahead = sent(50, is_long=True)
    for number in range(n_sent):
        ahead.remove(f"True-{number}")
    assert sent(50, is_long=True, ahead=ahead)[0] == n_sent
