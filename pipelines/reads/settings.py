"""Settings of `circuits reads`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import Field, field_validator

from circuits.components import Component
from pipelines.runs.settings import MOST, PromptSettings

if TYPE_CHECKING:
    from circuits.profiles.reads import Score


class ReadsSettings(PromptSettings):
    """Why heads attend: their attention score of a query and a key, split over what was written on the two sides.

    The score before the softmax is a sum over pairs: what one writer (the embedding, an earlier head or MLP, or the
    biases) put into the query, times what one put into the key. Norms are frozen at their scale in this run, so that
    the parts add up exactly. --minus takes the mean score of other keys off: why IO rather than S1. Writes reads.json
    and reads.csv, with 95 % t intervals over prompts. Repeating the command computes nothing new.
    """

    heads: tuple[str, ...] = Field(description="Query heads, such as a3.h1,a2.h0.")
    key: str = Field(description="The role of the tokens that are attended to.")
    query: str = Field(default="END", description="The role of the tokens that attend.")
    minus: str | None = Field(
        default=None, description="A role whose mean score is taken off; 'others' for all other tokens seen."
    )
    pairs: int = Field(default=20, ge=0, le=MOST, description="How many pairs are listed, the largest, for each head.")

    @field_validator("heads", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        """Names with commas between them, or several."""
        given = [value] if isinstance(value, str) else list(value)
        return tuple(dict.fromkeys(name.strip() for one in given for name in str(one).split(",") if name.strip()))

    @field_validator("heads")
    @classmethod
    def _are_heads(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if not names:
            raise ValueError("no head is given. Name those to explain, such as --heads a2.h1,a3.h0.")
        if wrong := [name for name in names if not Component.parse(name).is_head]:
            raise ValueError(f"{wrong[0]} is no query head. Heads look like a3.h1.")
        return names

    @property
    def score(self) -> Score:
        """What is split."""
        from circuits.profiles.reads import Score

        return Score(self.query, self.key, self.minus)
