"""The run of a causal trace."""

from __future__ import annotations

from functools import cached_property

from circuits.recovery import Trace
from pipelines.engine.result_file import Result
from pipelines.runs.codec import prompts_from
from pipelines.runs.run import Run
from pipelines.trace.settings import TraceSettings
from pipelines.trace.stages import trace_from

TRACE_SCORES = "trace.npz"


class TraceRun(Run):
    """A run of `circuits trace`, with the recovery of every component at every position."""

    command = "trace"
    config_type = TraceSettings
    config: TraceSettings

    @cached_property
    def trace(self) -> Trace:
        """What restoring brings back."""
        result = self._result(TRACE_SCORES)
        return trace_from([result], prompts_from(Result(result.meta["prompt_set"])))
