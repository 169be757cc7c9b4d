"""Settings of `circuits orders`."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from pipelines.runs.settings import LARGEST_SEED, MOST, CommandSettings, PromptSettings


class OrdersSettings(CommandSettings):
    """How much a model's answers to a task depend on the order of its options.

    Every question is asked with its options in all orders (24 of four). The variance of the metric over the orders,
    its share of all variance, and the questions that are right in some orders and wrong in others; and how well the
    model does where the correct option stands on each line. Writes orders.json and orders.csv, with 95 % intervals
    over questions. Repeating the command computes nothing new.
    """

    task: str = Field(
        description="A task with options, such as multiple-choice or colored-objects.",
        json_schema_extra={"argument": True},
    )
    model: str = Field(default="reference", description="Name (`circuits models`), Hugging Face id or folder.")
    questions: int = Field(default=32, ge=2, le=MOST, description="How many questions, each in all orders.")
    metric: str = Field(default="logit-difference", description="What is read from the logits (`circuits methods`).")
    seed: int = Field(default=0, ge=0, le=LARGEST_SEED, description="Seed for drawing the questions.")
    held_out: bool = Field(default=False, description="Questions in the wordings that the task holds out.")
    task_settings: dict[str, Any] = Field(
        default_factory=dict,
        description="A setting of the task, KEY=VALUE; repeat for more (`circuits tasks --details`).",
        json_schema_extra={"option": "--task-set"},
    )
    dtype: Literal["float32", "bfloat16"] = Field(
        default="float32", description="Number format of the model: float32 or bfloat16."
    )
    prompts_per_job: int = Field(
        default=8, ge=1, le=MOST, description="Questions per unit of work: the most that a crash loses."
    )

    @property
    def prompts(self) -> PromptSettings:
        """The task and the model as commands on its prompts take them."""
        names = ("task", "model", "seed", "held_out", "task_settings", "dtype")
        return PromptSettings(**{name: getattr(self, name) for name in names})
