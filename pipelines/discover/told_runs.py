"""Circuits that are run one after another, told as steps of about as much as is expected."""

from __future__ import annotations

from collections.abc import Callable

from circuits.arrays import Bools, Floats
from circuits.model.steps import Steps


class ToldRuns:
    """Runs circuits inside `circuits.model.steps.whole`, and tells how much of what is expected has run."""

    def __init__(self, run: Callable[[Bools], Floats], *, weigh: Callable[[Bools], float], first: float) -> None:
        """What runs circuits [circuit, edge].

        weigh  about how many forward passes some circuits take
        first  how many are made once, with the first of them
        """
        self._run, self._weigh, self._first, self._left = run, weigh, first, 0.0
        self._n_run = 0
        self._steps: Steps | None = None

    def expect(self, left: float) -> None:
        """How many forward passes circuits are now expected to take that have not run."""
        self._left = left
        if self._steps is not None:
            self._steps.expect(left)

    def values(self, circuits: Bools) -> Floats:
        """The metric [circuit, prompt] of circuits [circuit, edge]."""
        if self._steps is None:
            self._steps = Steps(self._first + self._left)
        # More than expected adds nothing.
        of_circuits = min(self._weigh(circuits), self._left)
        weight = of_circuits + (0.0 if self._n_run else self._first)
        self._steps.enter(weight, self._n_run)
        values = self._run(circuits)
        self._steps.leave(weight)
        self._left -= of_circuits
        self._n_run += len(circuits)
        return values
