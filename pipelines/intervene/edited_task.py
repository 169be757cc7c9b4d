"""What commands that edit heads on the prompts of a task are asked for."""

from __future__ import annotations

from typing import Any

from pydantic import Field, field_validator

from pipelines.runs.head_names import HeadNames
from pipelines.runs.settings import DEFAULT_PROMPTS, MOST, PromptSettings, RunConfig


class MeasuredTaskSettings(PromptSettings):
    """The prompts of a task, what is measured on them, and with how many sets of other heads it is compared."""

    metric: str = Field(default="logit-difference", description="What is read from the logits (`circuits methods`).")
    random: int = Field(
        default=20, ge=0, le=MOST, strict=True, description="Sets of other heads of the same layers, for comparison."
    )
    prompts: int | None = Field(
        default=None, ge=2, le=MOST, description=f"How many prompts. [{DEFAULT_PROMPTS}; all of a file]"
    )

    def run_config(self, **other: Any) -> RunConfig:
        """The same prompts, model and metric as the settings of a run."""
        own = {name: getattr(self, name) for name in (*PromptSettings.model_fields, "metric")}
        return RunConfig(**{name: value for name, value in (own | other).items() if value is not None})


class EditedTaskSettings(MeasuredTaskSettings):
    """The prompts of a task, and the heads that are edited on them."""

    heads: HeadNames = Field(default=(), description="Attention heads, such as a3.h1,a2.h0.")
    edit: tuple[str, ...] = Field(default=(), description="What is done to them (see above); repeat for more.")

    @field_validator("edit", mode="before")
    @classmethod
    def _one_or_more(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else value

    @field_validator("edit")
    @classmethod
    def _are_edits(cls, texts: tuple[str, ...]) -> tuple[str, ...]:
        from circuits.edits import edit_from

        return tuple(edit_from(text).text for text in texts)
