"""Circuits that are run one after another, told as steps of about as many as are expected."""

from __future__ import annotations

from collections.abc import Callable

from circuits.arrays import Bools, Floats
from circuits.evaluation.criteria import RECORDING
from circuits.model.steps import Steps

# Of those expected, where more may run.
_BEYOND = 1.1


class ToldRuns:
    """Runs circuits inside `circuits.model.steps.whole`, and tells how many of those that are expected have run."""

    def __init__(self, run: Callable[[Bools], Floats], *, n_expected: int, may_be_more: bool) -> None:
        """may_be_more  whether more circuits than expected may run: then the last tenth is told when all have run"""
        self._run, self._n_expected, self._n_run = run, n_expected, 0
        self._total = RECORDING + n_expected * (_BEYOND if may_be_more else 1)
        self._steps: Steps | None = None

    def values(self, circuits: Bools) -> Floats:
        """The metric [circuit, prompt] of circuits [circuit, edge]."""
        if self._steps is None:
            self._steps = Steps(self._total)
        # More than expected add nothing.
        weight = min(len(circuits), max(0, self._n_expected - self._n_run)) + (0 if self._n_run else RECORDING)
        self._steps.enter(weight, self._n_run)
        values = self._run(circuits)
        self._steps.leave(weight)
        self._n_run += len(circuits)
        return values
