"""Settings of `circuits intervene concept`."""

from __future__ import annotations

from typing import Any

from pydantic import Field, field_validator, model_validator

from pipelines.runs.settings import DEFAULT_PROMPTS, MOST, PromptSettings, RunConfig, numbers_in


class ConceptSettings(PromptSettings):
    """A concept added to the residual stream: its vector, times a strength, before a layer at a role.

    The vector is the mean stream of the clean prompts minus that of the corrupt ones at --read, of the half of the
    prompts that it is not judged on; or of two other sets of prompts (--concept minus --baseline). It is not
    normalized: strength 1 adds the difference itself. Beside it, random vectors of the same norm, orthogonal to it.
    Writes concept.json, concept.csv and concept.pdf, with 95 % intervals over prompts; with --generate, generated.csv
    says how what the model says after the prompts changes. Repeating the command computes nothing new.

    >>> from pipelines.intervene.concept.settings import ConceptSettings
    >>> settings = ConceptSettings(task="ioi", layer=2, at="END", strengths=(-1, 1))
    >>> settings.strengths, settings.read_at
    ((-1.0, 1.0), 'END')
    """

    paper_tables = ("strengths",)
    layer: int = Field(ge=0, description="The layer before which it is added; the number of layers: the final stream.")
    at: str = Field(default="END", description="Where it is added: a role, ROLE.. (from there on), a position, or all.")
    read: str | None = Field(default=None, description="Where the stream that makes it is read. [that of --at]")
    strengths: tuple[float, ...] = Field(
        default=(-2.0, -1.0, -0.5, 0.5, 1.0, 2.0), description="What it is multiplied with. [-2,-1,-0.5,0.5,1,2]"
    )
    concept: str | None = Field(default=None, description="Prompts with the concept: a task, or a prompt file.")
    baseline: str | None = Field(default=None, description="Prompts without it: a task, or a prompt file.")
    random: int = Field(
        default=5, ge=0, le=MOST, strict=True, description="Random vectors of the same norm, for comparison."
    )
    generate: int = Field(
        default=0,
        ge=0,
        le=MOST,
        strict=True,
        description="Tokens to generate with it added, too: also at these where --at goes on (END..) or is all.",
    )
    metric: str = Field(default="logit-difference", description="What is read from the logits (`circuits methods`).")
    prompts: int | None = Field(
        default=None, ge=4, le=MOST, description=f"How many prompts. [{DEFAULT_PROMPTS}; all of a file]"
    )

    @field_validator("strengths", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        return numbers_in(value)

    @field_validator("strengths")
    @classmethod
    def _are_strengths(cls, strengths: tuple[float, ...]) -> tuple[float, ...]:
        if not strengths:
            raise ValueError("no strength is given. Say how much of the vector to add, such as --strengths 1,2,4.")
        return tuple(sorted(set(strengths)))

    @model_validator(mode="after")
    def _has_both_sets(self) -> ConceptSettings:
        if (self.concept is None) != (self.baseline is None):
            given, other = ("concept", "baseline") if self.baseline is None else ("baseline", "concept")
            raise ValueError(
                f"--{given} is given without --{other}: a vector is the difference of two sets of prompts. Give both, "
                "or neither for clean minus corrupt."
            )
        return self

    @property
    def read_at(self) -> str:
        """The rows whose stream makes the vector."""
        return self.at if self.read is None else self.read

    def run_config(self, **other: Any) -> RunConfig:
        """The same prompts, model and metric as the settings of a run."""
        own = {name: getattr(self, name) for name in (*PromptSettings.model_fields, "metric")}
        return RunConfig(**{name: value for name, value in (own | other).items() if value is not None})

    def set_config(self, task: str) -> PromptSettings:
        """The prompts of one of the two sets: of a task as many as are judged, of a file all."""
        one = PromptSettings(task=task, model=self.model, seed=self.seed, dtype=self.dtype)
        return one.model_copy(update={"prompts": self.prompts}) if one.is_drawn else one
