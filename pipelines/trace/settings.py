"""Settings of `circuits trace`."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from pydantic import Field, model_validator

from circuits.files import read_bytes
from pipelines.runs.settings import MOST, NamedRunConfig, RunConfig

METHOD = "causal-tracing"
MIN_RECOVERY = 0.05
MIN_GAP = 0.1  # as in circuits.recovery, which this module does not import: the help must not wait for numpy
# What tables and figures call a position -> the position.
POSITION_LABELS = {"last token": "END"}


class TraceSettings(NamedRunConfig):
    """Causal tracing: what restoring each hidden state, attention and MLP output brings back in a corrupt run.

    Writes recovery rates by layer and token category as tables and figures, and a graph of the layers that matter,
    for compare and export. Repeating the command computes nothing new.

    >>> from pipelines.trace.settings import TraceSettings
    >>> TraceSettings(task="ioi", prompts=4, noise_at="S1").metric
    'answer-probability'
    """

    paper_tables = ("positions", "components")
    method: str = Field(default=METHOD, pattern=f"^{METHOD}$", description="Always causal-tracing.")
    settings: dict[str, Any] = Field(
        default_factory=dict,
        description="A setting of the method, KEY=VALUE: at, kinds, window or samples; repeat for more.",
        json_schema_extra={"option": "--set"},
    )
    metric: str = Field(default="answer-probability", description="What is read from the logits (`circuits methods`).")
    ablation: str = Field(
        default="noise", description="image-noise, noise or corrupt. [noise on the image, or on text]"
    )
    position: str | None = Field(
        default=None, description="Position whose recovery chooses the layers of the graph. [last token]"
    )
    min_recovery: float = Field(
        default=MIN_RECOVERY, gt=0, le=1, description="Smallest recovery rate of a layer in the graph."
    )
    min_gap: float = Field(
        default=MIN_GAP, gt=0, description="Smallest clean minus corrupt for a prompt's own recovery rate."
    )
    draw_images: int = Field(default=0, ge=0, le=MOST, description="Draw recovery rates on the images of N prompts.")

    @model_validator(mode="before")
    @classmethod
    def _as_traced(cls, values: Any) -> Any:
        """Noise on images, or on the embeddings of text, where no ablation is given; positions by their names."""
        if not isinstance(values, Mapping) or values.get("task") is None:
            return values
        settled = dict(values)
        if settled.get("ablation") is None:
            settled["ablation"] = "image-noise" if asks_about_images(str(settled["task"])) else "noise"
        if (position := settled.get("position")) is not None:
            settled["position"] = POSITION_LABELS.get(str(position), str(position))
        return settled

    @classmethod
    def no_circuit(cls, used: Collection[str]) -> str:
        return (
            f"{', '.join(used)} choose or judge a circuit, and a trace does not: leave them out, or use discover with "
            f"method {METHOD}."
        )


def asks_about_images(task: str) -> bool:
    """Whether a task, or the prompts of a file, ask about images."""
    from circuits.data.question_files import is_question_file
    from circuits.tasks import IMAGE_TASKS

    path = RunConfig(task=task).prompt_file
    if path is None:
        return task in IMAGE_TASKS
    return path.is_file() and is_question_file(read_bytes(path))
