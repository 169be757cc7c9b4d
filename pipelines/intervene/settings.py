"""Settings of `circuits intervene iri`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import Field, model_validator

from pipelines.runs.settings import MOST, CommandSettings


class IriSettings(CommandSettings):
    """Intermediate representation injection: add early layers' outputs to later ones, at the last token.

    Strengths are chosen on validation questions; others judge them beside random layers, all layers, the plain model,
    and a baseline that amplifies vision-aware heads (vhr). The verdict says so where there is no gain. Writes
    intervention.json and intervention.csv to a folder. Repeating the command computes nothing new.

    >>> from pipelines.intervene.settings import IriSettings
    >>> IriSettings(run="scene-objects-trace-1a2b3c4d", questions=20, validation=20).max_accuracy_drop
    0.005
    """

    paper_tables = ("answers", "captions")
    run: Any = Field(
        description="Causal trace: a folder, or a name within --runs.", json_schema_extra={"metavar": "RUN"}
    )
    questions: int = Field(
        default=300, ge=1, le=MOST, description="Images that test questions ask about. [300; half of a file's]"
    )
    validation: int = Field(
        default=200, ge=1, le=MOST, description="Images whose questions choose strengths. [200; half of a file's]"
    )
    lambda_attention: float | None = Field(
        default=None, ge=0, description="Strength for attention outputs (with --lambda-mlp). [searched]"
    )
    lambda_mlp: float | None = Field(
        default=None, ge=0, description="Strength for MLP outputs (with --lambda-attention). [searched]"
    )
    k1: int = Field(
        default=3, ge=1, description="How many source layers: those with the highest recovery at the last token."
    )
    k2: int = Field(default=10, ge=1, description="How many target layers, likewise.")
    chosen_by: str = Field(default="adversarial", description="Negatives that strengths are searched on.")
    max_accuracy_drop: float = Field(
        default=0.005,
        ge=0,
        le=1,
        description="Accuracy (0 to 1) on random negatives that searched strengths may cost.",
    )
    random: int = Field(
        default=5, ge=0, le=MOST, strict=True, description="Injections from random layers, for comparison."
    )
    ablations: bool = Field(
        default=False, description="Also the ablations of the paper (Li et al.): sources, targets and parts left out."
    )
    captions: int = Field(default=0, ge=0, le=MOST, description="Images to describe, for CHAIR (needs annotations).")
    synonyms: Path | None = Field(
        default=None,
        description="Other words for objects, for CHAIR: lines such as 'person, man, woman' (COCO's synonyms.txt).",
    )
    max_new_tokens: int = Field(default=64, ge=1, le=MOST, description="Maximum number of tokens per caption.")
    repeats: int = Field(default=0, ge=0, le=MOST, description="Measure the time per token N times; 0 skips it.")
    folder: Path | None = Field(
        default=None, description="Folder for the results. [RUN/iri-...]", json_schema_extra={"option": "--out"}
    )

    @model_validator(mode="after")
    def _fits(self) -> IriSettings:
        from circuits.data.absent_objects import NEGATIVES

        given = (self.lambda_attention is not None, self.lambda_mlp is not None)
        if any(given) and not all(given):
            raise ValueError("lambda_attention and lambda_mlp go together: give both, or neither to search for them.")
        if self.chosen_by not in NEGATIVES:
            raise ValueError(f"chosen_by is {self.chosen_by!r}. Known: {', '.join(NEGATIVES)}.")
        if self.synonyms is not None and not self.captions:
            raise ValueError("synonyms are for judging captions: give captions, the number of images to describe.")
        return self
