"""Warnings that every run shares."""

from __future__ import annotations

import numpy as np

from circuits.arrays import Bools
from circuits.intervals import wilson_interval
from pipelines.runs.settings import RunConfig


def accuracy_interval(is_correct: Bools | None) -> list[float] | None:
    """Wilson's 95 % interval of the accuracy; it has a width at 0 and 1."""
    if is_correct is None:
        return None
    return list(wilson_interval(int(np.count_nonzero(is_correct)), len(is_correct)))


def of_size(config: RunConfig, n_prompts: int) -> list[str]:
    """A warning where a file holds fewer prompts than were asked for."""
    if config.prompts is None or n_prompts >= config.prompts:
        return []
    return [f"{config.prompts} prompts were asked for, and {config.task} holds {n_prompts}: all of them were taken."]
