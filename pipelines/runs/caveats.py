"""Warnings that every run shares."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from circuits.arrays import Bools
from circuits.data.prompts import PromptSet
from circuits.evaluation.faithfulness import Baseline
from circuits.intervals import wilson_interval
from circuits.methods import METHODS
from circuits.scores import Scores
from pipelines.runs.settings import RunConfig

_POOR_ACCURACY = 0.5
_NEGLIGIBLE = 1e-3  # of the difference between clean and ablated


def accuracy_interval(is_correct: Bools | None) -> list[float] | None:
    """Wilson's 95 % interval of the accuracy; it has a width at 0 and 1."""
    if is_correct is None:
        return None
    return list(wilson_interval(int(np.count_nonzero(is_correct)), len(is_correct)))


def accuracy_of(baseline: Baseline, prompts: PromptSet) -> dict[str, Any]:
    """How often the model is right, for a summary: its accuracy, top-1 over the vocabulary, and what chance gives."""
    return {
        "accuracy": baseline.accuracy,
        "accuracy_interval": accuracy_interval(baseline.is_correct),
        "chance": None if baseline.is_correct is None else prompts.chance,
        "top1": baseline.top1,
        "top1_interval": accuracy_interval(baseline.is_top1),
    }


def of_accuracy(summary: Mapping[str, Any]) -> list[str]:
    """A warning where the model does not do what its circuit is to explain."""
    accuracy, chance, interval = (summary[name] for name in ("accuracy", "chance", "accuracy_interval"))
    if accuracy is None:
        return []
    if interval[0] <= chance:
        return [
            f"the model answers {accuracy:.0%} of the prompts correctly, which may be chance ({chance:.0%}): this is "
            "not the circuit of a solved task."
        ]
    if accuracy < _POOR_ACCURACY:
        return [f"the model answers {accuracy:.0%} of the prompts correctly: this is not the circuit of a solved task."]
    return []


def of_scores(scores: Scores, baseline: Baseline, method: str) -> list[str]:
    """A warning where every score is zero, or so small beside the whole effect that nothing was found."""
    if not scores.measured.any():
        return []
    largest = float(np.abs(scores.per_prompt.mean(axis=0, dtype=np.float64)).max())
    if not scores.per_prompt.any():
        return [
            f"every score of {method} is zero: nothing was found, and the circuit's parts come in the model's own "
            "order."
        ]
    if METHODS[method].in_metric_units and baseline.has_gap and largest < _NEGLIGIBLE * abs(baseline.gap):
        return [
            f"no score of {method} reaches a thousandth of the whole effect (the largest is {largest:.2g} of "
            f"{abs(baseline.gap):.2g}): nothing was found where it looked. Measure other parts, or other positions."
        ]
    return []


def of_ties(tied_out: Mapping[str, int]) -> list[str]:
    """A warning where parts that score the same were partly kept and partly not.

    tied_out  "edges" or "components" -> how many were not kept (`graphs.selection.Selected`)
    """
    return [
        f"the circuit is cut by ties: {n} more {what} score the same as the weakest that was chosen. Which of them "
        "stay is the model's own order: ask for another size."
        for what, n in tied_out.items()
    ]


def of_size(config: RunConfig, n_prompts: int) -> list[str]:
    """A warning where a file holds fewer prompts than were asked for."""
    if config.prompts is None or n_prompts >= config.prompts:
        return []
    return [f"{config.prompts} prompts were asked for, and {config.task} holds {n_prompts}: all of them were taken."]
