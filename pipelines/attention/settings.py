"""Settings of `circuits attention`."""

from __future__ import annotations

from pydantic import Field

from pipelines.runs.head_names import GivenHeads
from pipelines.runs.settings import PromptSettings


class AttentionSettings(PromptSettings):
    """Where chosen heads attend: on one prompt of a task, token by token, and by role over all of them.

    The terminal shows what END attends to; the figures whole patterns, and means over prompts from each role of tokens
    to each other. Attention is not use: whether it matters is measured by effects (`circuits roles`). Writes
    attention.json, attention.csv and figures. Repeating the command computes nothing new.
    """

    heads: GivenHeads = Field(description="Attention heads, such as a3.h1,a2.h0.")
    prompt: int = Field(default=0, ge=0, description="Which prompt is shown token by token, counted from 0.")
    row: str = Field(default="END", description="The role whose row the terminal shows; of several tokens the last.")
