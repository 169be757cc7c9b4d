"""Circuits that are run one after another, told as steps of about as much as is expected."""

from __future__ import annotations

from collections.abc import Callable

from circuits.arrays import Bools, Floats
from circuits.model.lengths import RECORDING
from circuits.model.steps import Steps

# Of what is expected, where more may be run.
_BEYOND = 1.1


class ToldRuns:
    """Runs circuits inside `circuits.model.steps.whole`, and tells how much of what is expected has run."""

    def __init__(
        self, run: Callable[[Bools], Floats], *, weigh: Callable[[Bools], float], expected: float, may_be_more: bool
    ) -> None:
        """What runs circuits [circuit, edge].

        weigh        about how many forward passes some circuits take
        expected     how many all of them are expected to take
        may_be_more  whether they may take more: then the last tenth is told when all have run
        """
        self._run, self._weigh, self._expected, self._has_run = run, weigh, expected, 0.0
        self._total = RECORDING + expected * (_BEYOND if may_be_more else 1)
        self._n_run = 0
        self._steps: Steps | None = None

    def values(self, circuits: Bools) -> Floats:
        """The metric [circuit, prompt] of circuits [circuit, edge]."""
        if self._steps is None:
            self._steps = Steps(self._total)
        # More than expected adds nothing.
        of_circuits = min(self._weigh(circuits), max(0.0, self._expected - self._has_run))
        weight = of_circuits + (0 if self._n_run else RECORDING)
        self._steps.enter(weight, self._n_run)
        values = self._run(circuits)
        self._steps.leave(weight)
        self._has_run += of_circuits
        self._n_run += len(circuits)
        return values
