"""The numbers that Merullo, Eickhoff and Pavlick (ICLR 2024, arXiv 2310.08744) report of GPT2-Medium."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from circuits.evaluation.published import PUBLISHED, PublishedCircuit

SOURCE = "Merullo et al. 2024, arXiv 2310.08744"
_MODEL = "gpt2-medium"


class Number(NamedTuple):
    """A published number, and how it is written."""

    value: float
    text: str


# The share of Colored Objects prompts whose answer is above all tokens.
COLORED_OBJECTS_TOP1 = Number(0.496, "49.6 %")
# Of the 2 % most important heads; how they count is not stated, and 8 heads in each of 4 stages fits.
SHARED_OVER_STAGES = Number(25 / 32, "25 of 32")
# The control: Greater-Than and IOI.
SHARED_WITH_CONTROL = Number(3 / 18, "3 of 18")


def is_of(model: str) -> bool:
    """Whether the numbers are of this model: `gpt2-medium`, by whatever hub or folder it comes."""
    return Path(model).name == _MODEL


def heads_of(task: str) -> PublishedCircuit | None:
    """The heads that the paper names for a task; None for another task."""
    return PUBLISHED.get(f"{task}-{_MODEL}")
