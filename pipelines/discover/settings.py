"""Settings of `circuits discover`."""

from __future__ import annotations

from pydantic import Field

from pipelines.runs.settings import CIRCUIT_SETTINGS, RunConfig


class DiscoverSettings(RunConfig):
    """Find the circuit of a task: measure, select, and check how faithful the circuit is.

    Repeating the command computes nothing new; after an interruption it resumes where it stopped.
    """

    edges: int | None = Field(default=None, ge=1, description="Keep the K highest edges.")
    threshold: float | None = Field(
        default=None, ge=0, description="Keep what scores at least T, in the metric's units."
    )
    tolerance: float = Field(
        default=CIRCUIT_SETTINGS["tolerance"],
        gt=0,
        description="Without --edges, --threshold: smallest circuit with faithfulness 1 +- this.",
    )
    nodes: int | None = Field(
        default=None,
        ge=1,
        description="Component methods, and estimates of edges: keep the N highest. [above 2 % effect]",
    )
    position: str | None = Field(default=None, description="Component methods: read scores at this role or position.")
    greedy: bool = Field(default=False, description="Grow the circuit from the output.")
    signed: bool = Field(default=False, description="Rank by signed score, not by magnitude.")
    curve: bool = Field(default=False, description="Also the faithfulness curve (CPR, CMD).")
