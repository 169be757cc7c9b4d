"""Settings of `circuits intervene repair`."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from pipelines.intervene.edited_task import EditedTaskSettings
from pipelines.runs.settings import MOST_PARTS


class RepairSettings(EditedTaskSettings):
    """Make heads look on a task where they look on another one, and see whether that solves the task.

    Heads are given (--heads), or found: those whose row at END turns more to the words that compete with the answer
    on the other task (--like) than on this one. One half of the prompts finds heads and chooses the set that helps
    most, the other half judges: accuracy and new mistakes of each head alone, of sets, and of other heads of the same
    layers; what later heads then attend to and say. By default END's row is set on the wrong words, equal shares
    (--edit for another edit). Writes repair.json, repair.csv, downstream.csv and a figure to a folder of the store.
    Repeating the command computes nothing new.

    >>> from pipelines.intervene.repair.settings import RepairSettings
    >>> RepairSettings(task="colored-objects", like="ioi").candidates
    16
    """

    paper_tables = ("effects", "choosing")
    like: Any = Field(
        default=None, description="The other task, which the heads work on: its name, a prompt file, or a run."
    )
    find: Literal["behavior", "effect"] = Field(
        default="behavior",
        description="How heads are found: behavior (their rows on both tasks), or effect (each edited alone).",
    )
    candidates: int = Field(
        default=16, ge=1, le=MOST_PARTS, description="Heads that are found and tried alone, at most."
    )
    most: int = Field(
        default=4, ge=1, le=MOST_PARTS, description="Of these, those that help most alone and are judged, at most."
    )
    least: float = Field(default=0.1, ge=0, description="By how much the attention of a head must differ to be found.")
    movers: int = Field(
        default=5, ge=1, le=MOST_PARTS, description="Heads whose change is shown, at most: those that say the answer."
    )
    right: str | None = Field(
        default=None, min_length=1, description="Roles of the words that say the answer. [the task's]"
    )
    wrong: str | None = Field(
        default=None, min_length=1, description="Roles of the words that compete with it. [the task's]"
    )
    like_right: str | None = Field(default=None, min_length=1, description="The same of the other task. [the task's]")
    like_wrong: str | None = Field(default=None, min_length=1, description="The same of the other task. [the task's]")

    @model_validator(mode="after")
    def _has_heads(self) -> RepairSettings:
        if not self.heads and self.like is None and self.find == "behavior":
            raise ValueError(
                "no head is given, and no task that they are found by: name heads (--heads a2.h1), the task that they "
                "work on (--like ioi), or let each be tried (--find effect)."
            )
        if self.heads and self.like is not None:
            raise ValueError("heads are given, so that none are found: give heads or like, not both.")
        if self.like is None and (self.like_right or self.like_wrong):
            raise ValueError(
                "roles of words of the other task are given, and no other task: name it (--like ioi), or leave "
                "--like-right and --like-wrong out."
            )
        if self.find == "effect" and (self.like_right or self.like_wrong):
            raise ValueError(
                "heads are found by their effect (--find effect), which looks at no words of the other task: leave "
                "--like-right and --like-wrong out."
            )
        if self.prompts is not None and self.prompts < 4:
            raise ValueError("half of the prompts choose and half judge: give at least 4.")
        return self
