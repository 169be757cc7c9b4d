"""Settings of `circuits tasks`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from pipelines.runs.settings import LARGEST_SEED, MOST, CommandSettings

DEFAULT_TASK_PROMPTS = 40


class TasksSettings(CommandSettings):
    """The tasks, and how each corrupts its prompts; with --model, how well a model does each task made of words.

    solved: the accuracy's 95 % interval is above 80 %. not: it reaches chance. in
    part: all between. A prompt is right when an answer is above every wrong answer. Writes tasks.json and tasks.csv
    to a folder of the store. Repeating the command computes nothing new. `circuits tasks show TASK --model M` shows the
    prompts of a task with their tokens and roles.
    """

    paper_tables = ("tasks", "corruptions")
    model: str | None = Field(
        default=None, description="Measure this model: name (`circuits models`), Hugging Face id or folder."
    )
    prompts: int = Field(
        default=DEFAULT_TASK_PROMPTS, ge=2, le=MOST, description="Prompts per task; fewer where fewer exist."
    )
    seed: int = Field(default=0, ge=0, le=LARGEST_SEED, description="Seed for drawing the prompts.")
    dtype: Literal["float32", "bfloat16"] = Field(
        default="float32", description="Number format of the model: float32 or bfloat16."
    )
    details: bool = Field(
        default=False, description="Show what each corruption does, and why tasks cannot be built for the model."
    )
