"""Settings of `circuits influence`."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from pipelines.runs.settings import DEFAULT_PROMPTS, LARGEST_SEED, MOST, CommandSettings, PromptSettings


class InfluenceSettings(CommandSettings):
    """Which texts use some heads, or a circuit: (L_masked - L) / L of every text, L its mean loss per token.

    Positive: the text depends on them. TEXTS is plain text with an empty line between texts, or a file of JSON lines,
    {"text", "name"?, "group"?} each (or "ids", token ids). Give --heads: names with commas, a run (the heads of its
    circuit), or PROFILE:K, the K heads, or K% of all, with the largest mean of a profile; or --circuit, a run whose
    edges get their mean values over the texts. Beside every number stands the range that random heads of the same
    layers (random circuits of the same size) give. Texts are comparable within a group. Writes influence.json, .csv,
    .pdf and .svg, with 95 % intervals: of a text over blocks of 8 tokens (t, delta method), of a group over its texts.
    Repeating the command computes nothing new.
    """

    texts: Path = Field(description="A file of texts.", json_schema_extra={"argument": True})
    model: str = Field(default="reference", description="Name (`circuits models`), Hugging Face id or folder.")
    heads: str | None = Field(
        default=None, description="Heads to mask: a1.h0,a2.h3, a run, or PROFILE:K such as retrieval:5%."
    )
    circuit: Any = Field(
        default=None,
        description="A run whose circuit is ablated in place of heads.",
        json_schema_extra={"metavar": "RUN"},
    )
    edit: tuple[str, ...] = Field(
        default=(),
        description="How heads are masked, as `circuits intervene edit` writes it; repeat for more. [uniform]",
    )
    random: int = Field(
        default=20, ge=0, le=MOST, strict=True, description="Random sets of heads, or circuits, for comparison."
    )
    tokens: int | None = Field(default=None, ge=3, le=MOST, description="Of each text, only the first so many tokens.")
    profile_task: str | None = Field(
        default=None, description="The prompts that PROFILE is measured on. [needle for retrieval, else induction]"
    )
    task_settings: dict[str, Any] = Field(
        default_factory=dict,
        description="A setting of the task of these prompts, KEY=VALUE, such as cue=16; repeat for more.",
        json_schema_extra={"option": "--task-set"},
    )
    profile_prompts: int = Field(default=DEFAULT_PROMPTS, ge=2, le=MOST, description="How many of these prompts.")
    seed: int = Field(default=0, ge=0, le=LARGEST_SEED, strict=True, description="Seed of all that is drawn at random.")
    dtype: Literal["float32", "bfloat16"] = Field(
        default="float32", description="Number format of the model: float32 or bfloat16."
    )
    prompts_per_job: int = Field(
        default=16, ge=1, le=MOST, description="Texts per unit of work: the most that a crash loses."
    )

    @field_validator("edit", mode="before")
    @classmethod
    def _one_or_more(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else value

    @field_validator("edit")
    @classmethod
    def _are_edits(cls, texts: tuple[str, ...]) -> tuple[str, ...]:
        from circuits.edits import edit_from
        from circuits.edits.check import require_no_roles

        edits = [edit_from(text) for text in texts]
        for edit in edits:
            require_no_roles(edit)
        return tuple(edit.text for edit in edits)

    @model_validator(mode="after")
    def _one_thing_is_masked(self) -> InfluenceSettings:
        if (self.heads is None) == (self.circuit is None):
            raise ValueError("give --heads or --circuit, one of them: what is masked in the texts.")
        if self.circuit is not None and self.edit:
            raise ValueError("--edit is for heads: the edges of a circuit get their mean values over the texts.")
        return self

    @property
    def edits(self) -> tuple[str, ...]:
        """How heads are masked."""
        return self.edit or ("uniform",)

    def profiled(self, task: str) -> PromptSettings:
        """The prompts of a task on which heads are profiled."""
        return PromptSettings(
            task=self.profile_task or task,
            task_settings=self.task_settings,
            model=self.model,
            prompts=self.profile_prompts,
            seed=self.seed,
            dtype=self.dtype,
        )
