"""Properties computed once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from circuits.cached import cached_property

MEETING = Barrier(2, timeout=10)


class Meets:
    """Computes when another object does."""

    n_computed = 0

    @cached_property
    def value(self) -> int:
        """What was computed."""
        self.n_computed += 1
        MEETING.wait()
        return self.n_computed


def test_objects_in_two_threads_compute_at_once_and_once_each():
    both = [Meets(), Meets()]
    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(lambda one: one.value, both)) == [1, 1]
    assert [one.value for one in both] == [1, 1]


def test_a_class_can_ask_for_what_the_class_below_it_gives():
    class Below:
        @cached_property
        def value(self) -> int:
            return 1

    class Above(Below):
        @cached_property
        def value(self) -> int:
            return super().value + 1

    one = Above()
    assert [one.value, one.value] == [2, 2]


def test_the_property_itself_is_told_by_its_class():
    assert Meets.value.__doc__ == "What was computed."
