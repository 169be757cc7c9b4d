"""What commands that edit heads on the prompts of a task are asked for."""

from __future__ import annotations

from typing import Any

from pydantic import Field, field_validator

from circuits.components import Component
from pipelines.runs.settings import DEFAULT_PROMPTS, MOST, PromptSettings, RunConfig


class EditedTaskSettings(PromptSettings):
    """The prompts of a task, and the heads that are edited on them."""

    heads: tuple[str, ...] = Field(default=(), description="Query heads, such as a3.h1,a2.h0.")
    edit: tuple[str, ...] = Field(default=(), description="What is done to them (see above); repeat for more.")
    metric: str = Field(default="logit-difference", description="What is read from the logits.")
    random: int = Field(
        default=20, ge=0, le=MOST, strict=True, description="Sets of other heads of the same layers, for comparison."
    )
    prompts: int | None = Field(
        default=None, ge=2, le=MOST, description=f"How many prompts. [{DEFAULT_PROMPTS}; all of a file]"
    )

    @field_validator("heads", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        """Names with commas between them, or several."""
        given = [value] if isinstance(value, str) else list(value)
        names = [name.strip() for one in given for name in str(one).split(",") if name.strip()]
        return tuple(dict.fromkeys(names))

    @field_validator("heads")
    @classmethod
    def _are_heads(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        parts = list(map(Component.parse, names))
        if wrong := [name for name, part in zip(names, parts, strict=True) if not part.is_head]:
            raise ValueError(f"{wrong[0]} is no query head. Heads look like a3.h1.")
        return tuple(dict.fromkeys(map(str, parts)))

    @field_validator("edit", mode="before")
    @classmethod
    def _one_or_more(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else tuple(value)

    @field_validator("edit")
    @classmethod
    def _are_edits(cls, texts: tuple[str, ...]) -> tuple[str, ...]:
        from circuits.edits import edit_from

        return tuple(edit_from(text).text for text in texts)

    def run_config(self, **other: Any) -> RunConfig:
        """The same prompts, model and metric as the settings of a run."""
        own = {name: getattr(self, name) for name in (*PromptSettings.model_fields, "metric")}
        return RunConfig(**{name: value for name, value in (own | other).items() if value is not None})
