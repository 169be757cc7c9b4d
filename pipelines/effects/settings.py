"""Settings of `circuits effects`."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from pipelines.runs.settings import PromptSettings, RunConfig


class EffectsSettings(PromptSettings):
    """Direct and total effect of every head and MLP at the answer position, beside each other.

    Total: the part gets its value on the corrupt prompt, and all later ones see it (activation patching at END).
    Direct: only the final norm and the unembedding see it. What lies between them goes through later parts: where the
    signs differ, these turn it around. Beside them what each part writes on the logit difference (direct logit
    attribution), and, on multiple-choice prompts, classes of heads by where they attend from END: correct letter,
    single letter, fixed letter, uniform, amplification. Writes effects.json, effects.csv and effects.pdf (direct
    against total), with 95 % t intervals over prompts. Repeating the command computes nothing new.
    """

    paper_tables = ("effects",)
    metric: str = Field(default="logit-difference", description="What is read from the logits (`circuits methods`).")
    ablation: str = Field(default="corrupt", description="What replaces the part's value (`circuits methods`).")
    ablation_settings: dict[str, Any] = Field(
        default_factory=dict,
        description="A setting of the ablation, KEY=VALUE; repeat for more.",
        json_schema_extra={"option": "--ablation-set"},
    )
    options: str = Field(
        default="label_[A-Z]", description="The roles of options, for classes of heads: their letters, or option_*."
    )
    correct: str = Field(
        default="correct_label", description="The role that the correct one has as well; correct_option of option_*."
    )

    def run_config(self) -> RunConfig:
        """The same prompts, model, metric and ablation as the settings of a run."""
        names = (*PromptSettings.model_fields, "metric", "ablation", "ablation_settings")
        values = {name: getattr(self, name) for name in names}
        return RunConfig(**{name: value for name, value in values.items() if value is not None})
