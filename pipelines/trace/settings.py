"""Settings of `circuits trace`."""

from __future__ import annotations

from pydantic import Field, model_validator

from circuits.recovery import FLOOR
from pipelines.runs.settings import RunConfig

METHOD = "causal-tracing"
MIN_RECOVERY = 0.05


_OF_CIRCUITS = ("edges", "threshold", "nodes", "greedy", "signed", "tolerance", "curve")


class TraceConfig(RunConfig):
    """Everything that decides a trace: the settings of a run of causal tracing, and how the trace is read."""

    method: str = Field(default=METHOD, pattern=f"^{METHOD}$", description="causal tracing")
    metric: str = Field(default="answer-probability", description="what is measured in the logits")
    position: str | None = Field(
        default=None, description="whose recovery rates choose the layers of the graph; by default the last position"
    )
    min_gap: float = Field(
        default=FLOOR, gt=0, description="least metric(clean) - metric(corrupt) for a prompt's own recovery rate"
    )
    min_recovery: float = Field(
        default=MIN_RECOVERY,
        gt=0,
        le=1,
        description="least recovery rate for a layer's attention or MLP to be in the graph",
    )
    draw_images: int = Field(default=0, ge=0, description="number of prompts whose images recovery rates are drawn on")

    @model_validator(mode="after")
    def _chooses_no_edges(self) -> TraceConfig:
        asked = [name for name in _OF_CIRCUITS if getattr(self, name) != type(self).model_fields[name].default]
        if asked:
            raise ValueError(
                f"{', '.join(asked)} choose or judge a circuit, and a trace does not: leave them out, or use discover "
                f"with method {METHOD}."
            )
        return self
