"""Settings of `circuits intervene rank`."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, field_validator

from pipelines.runs.head_names import GivenHeads
from pipelines.runs.settings import DEFAULT_PROMPTS, MOST, PromptSettings, RunConfig, names_in, numbers_in

Side = Literal["query", "key", "value"]


class RankSettings(PromptSettings):
    """How few directions of their queries, keys and values heads need: they run projected on the first r of them.

    Directions are those along which queries (at --query), keys and values (at --key) vary most over prompts, around
    their mean; each half of the prompts is judged with the directions of the other. The curve over r says how much of
    what is lost without any direction is kept, beside random directions. Writes rank.json and rank.csv, with 95 %
    intervals over prompts. Repeating the command computes nothing new.
    """

    paper_tables = ("ranks",)
    heads: GivenHeads = Field(description="Attention heads, projected together, such as a3.h1,a2.h0.")
    key: str = Field(default="all", description="The role, or pattern of roles, whose keys and values are projected.")
    query: str = Field(default="END", description="The role whose rows are projected.")
    sides: tuple[Side, ...] = Field(
        default=("query", "key"), description="What is projected: of query, key, value. [query,key]"
    )
    ranks: tuple[int, ...] = Field(
        default=(), description="Numbers of directions. [0,1,2,3,4,6,8,12,16,24,32, as far as prompts tell them]"
    )
    random: int = Field(
        default=3, ge=0, le=MOST, strict=True, description="Random directions of each number, for comparison."
    )
    metric: str = Field(default="logit-difference", description="What is read from the logits (`circuits methods`).")
    prompts: int | None = Field(
        default=None, ge=4, le=MOST, description=f"How many prompts. [{DEFAULT_PROMPTS}; all of a file]"
    )

    @field_validator("sides", mode="before")
    @classmethod
    def _split_sides(cls, value: Any) -> Any:
        return names_in(value)

    @field_validator("ranks", mode="before")
    @classmethod
    def _split_ranks(cls, value: Any) -> Any:
        return numbers_in(value)

    @field_validator("sides")
    @classmethod
    def _have_sides(cls, sides: tuple[Side, ...]) -> tuple[Side, ...]:
        if not sides:
            raise ValueError("no side is given. Name what to project: of query, key, value.")
        return sides

    @field_validator("ranks")
    @classmethod
    def _are_ranks(cls, ranks: tuple[int, ...]) -> tuple[int, ...]:
        if wrong := [rank for rank in ranks if rank < 0]:
            raise ValueError(f"{wrong[0]} directions: give 0 or more.")
        return tuple(sorted(ranks))

    def run_config(self, **other: Any) -> RunConfig:
        """The same prompts, model and metric as the settings of a run."""
        own = {name: getattr(self, name) for name in (*PromptSettings.model_fields, "metric")}
        return RunConfig(**{name: value for name, value in (own | other).items() if value is not None})
