"""Settings of `circuits reproduce reuse`."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from pipelines.runs.settings import LARGEST_SEED, MOST, CommandSettings


class ReuseSettings(CommandSettings):
    """The heads that IOI and Colored Objects reuse (Merullo and others, 2024), beside the published numbers.

    Searches both circuits by path patching in stages, and that of Greater-Than as a control, and counts the heads
    that they share. The published numbers are of gpt2-medium, whose weights have to be there; with another model the
    same is measured, with nothing beside it. Repeating the command computes nothing new.
    """

    model: str = Field(default="gpt2-medium", description="Name (`circuits models`), Hugging Face id or folder.")
    prompts: int = Field(default=1000, ge=2, le=MOST, description="How many prompts of each task.")
    top: float = Field(
        default=0.02, gt=0, description="Heads kept per stage: a share of all heads below 1, or a number."
    )
    control: bool = Field(default=True, description="Also search the circuit of Greater-Than.")
    between: bool = Field(
        default=False,
        description="Also measure heads that run between receivers of several layers; the authors do not.",
    )
    seed: int = Field(default=0, ge=0, le=LARGEST_SEED, description="Seed for drawing the prompts.")
    dtype: Literal["float32", "bfloat16"] = Field(
        default="float32", description="Number format of the model: float32 or bfloat16."
    )
    prompts_per_job: int = Field(
        default=25, ge=1, le=MOST, description="Prompts per unit of work: the most that a crash loses."
    )
    folder: Path | None = Field(
        default=None, description="Folder for the tables. [RUNS/reuse-MODEL-...]", json_schema_extra={"option": "--out"}
    )
