"""Settings of `circuits intervene`."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, model_validator

from circuits.data.absent_objects import NEGATIVES


class InterventionConfig(BaseModel):
    """What determines an intervention, besides the trace that it builds on."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    questions: int = Field(default=300, ge=1, description="images that test questions ask about, each of every sort")
    validation: int = Field(default=200, ge=1, description="images whose questions choose the strengths")
    k1: int = Field(default=3, ge=1, description="source layers: highest recovery rate at the last token")
    k2: int = Field(default=10, ge=1, description="target layers, likewise")
    lambda_attention: float | None = Field(default=None, ge=0, description="strength for attention outputs")
    lambda_mlp: float | None = Field(default=None, ge=0, description="strength for MLP outputs")
    chosen_by: str = Field(default="adversarial", description="sort of negatives that strengths are searched on")
    max_accuracy_drop: float = Field(
        default=0.005, ge=0, le=1, description="accuracy (0 to 1) on random negatives that searched strengths may cost"
    )
    ablations: bool = Field(default=False, description="also run the paper's ablations and random layers")
    captions: int = Field(default=0, ge=0, description="images to describe, for CHAIR")
    max_new_tokens: int = Field(default=64, ge=1, description="maximum number of tokens per caption")

    @model_validator(mode="after")
    def _has_both_strengths(self) -> InterventionConfig:
        given = (self.lambda_attention is not None, self.lambda_mlp is not None)
        if any(given) and not all(given):
            raise ValueError("lambda_attention and lambda_mlp go together: give both, or neither to search for them.")
        if self.chosen_by not in NEGATIVES:
            raise ValueError(f"chosen_by is {self.chosen_by!r}. Known: {', '.join(NEGATIVES)}.")
        return self
