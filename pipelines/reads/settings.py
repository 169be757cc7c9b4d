"""Settings of `circuits reads`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from pipelines.runs.head_names import GivenHeads
from pipelines.runs.settings import MOST, PromptSettings

if TYPE_CHECKING:
    from circuits.profiles.reads import Score


class ReadsSettings(PromptSettings):
    """Why heads attend: their attention score of a query and a key, split over what was written on the two sides.

    The score before the softmax is a sum over pairs: what one writer (the embedding, an earlier head or MLP, or the
    biases) put into the query, times what one put into the key. Norms are frozen at their scale in this run, so that
    the parts add up exactly. --minus takes the mean score of other keys off: why IO rather than S1. Writes reads.json,
    reads.csv and reads.pdf, with 95 % t intervals over prompts. Repeating the command computes nothing new.
    """

    heads: GivenHeads = Field(description="Attention heads, such as a3.h1,a2.h0.")
    key: str = Field(description="The role of the tokens that are attended to.")
    query: str = Field(default="END", description="The role of the tokens that attend.")
    minus: str | None = Field(
        default=None, description="A role whose mean score is taken off; 'others' for all other tokens seen."
    )
    pairs: int = Field(default=20, ge=0, le=MOST, description="How many pairs are listed, the largest, for each head.")

    @property
    def score(self) -> Score:
        """What is split."""
        from circuits.profiles.reads import Score

        return Score(self.query, self.key, self.minus)
