"""How many tasks are with the scheduler at a time: a few hundred, however many there are to compute. Pure decisions.

A thread that ends a short task finds the next one waiting, so that it need not wait for the command. Long tasks are not
sent ahead: Dask would give some to threads that are at another long one, and know no better while others fall idle.
"""

from __future__ import annotations

_SHORT_PER_THREAD = 2
# Beside one for every thread: a cluster that grows with its work must see some that wait.
_FEWEST_SHORT, _FEWEST_LONG_WAITING, _LONG_WAITING_PER_THREAD = 32, 8, 1 / 16


class Ahead:
    """The tasks that are sent and not done, by their names."""

    def __init__(self) -> None:
        self._is_long: dict[str, bool] = {}
        self._n_long = 0

    def has_room(self, n_threads: int, *, is_long: bool) -> bool:
        """Whether another task is to be sent to so many threads.

        is_long  whether it may take long: it goes to a thread that is free; where all are at long ones, a few wait
        """
        n_sent = len(self._is_long)
        if not is_long:
            return n_sent < max(_FEWEST_SHORT, _SHORT_PER_THREAD * n_threads)
        if n_sent < n_threads:
            return True
        n_waiting = max(_FEWEST_LONG_WAITING, int(_LONG_WAITING_PER_THREAD * n_threads))
        return n_threads <= self._n_long < n_threads + n_waiting

    def add(self, name: str, *, is_long: bool) -> None:
        """Say that a task is sent."""
        self._is_long[name] = is_long
        self._n_long += is_long

    def remove(self, name: str) -> None:
        """Say that a task is done."""
        self._n_long -= self._is_long.pop(name)
