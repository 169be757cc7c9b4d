"""Settings of `circuits attention`."""

from __future__ import annotations

from typing import Any

from pydantic import Field, field_validator

from pipelines.runs.settings import PromptSettings


class AttentionSettings(PromptSettings):
    """Where chosen heads attend: on one prompt of a task, token by token, and by role over all of them.

    The terminal shows what END attends to; the figures whole patterns, and means over prompts from each role of tokens
    to each other. Attention is not use: whether it matters is measured by effects (`circuits roles`). Writes
    attention.json, attention.csv and figures. Repeating the command computes nothing new.
    """

    heads: tuple[str, ...] = Field(description="Query heads, such as a2.h3,a3.h1.")
    prompt: int = Field(default=0, ge=0, description="Which prompt is shown token by token, counted from 0.")
    row: str = Field(default="END", description="The role whose row the terminal shows; of several tokens the last.")

    @field_validator("heads", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        """Names with commas between them, or several."""
        given = [value] if isinstance(value, str) else list(value)
        return tuple(dict.fromkeys(name.strip() for one in given for name in str(one).split(",") if name.strip()))

    @field_validator("heads")
    @classmethod
    def _are_heads(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        from circuits.components import Component

        if not names:
            raise ValueError("no head is given. Name those to look at, such as --heads a2.h1,a3.h0.")
        if wrong := [name for name in names if not Component.parse(name).is_head]:
            raise ValueError(f"{wrong[0]} is no query head. Heads look like a3.h1.")
        return names
