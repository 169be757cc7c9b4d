"""What head coding read, and what its codes are worth: for the summary of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from circuits.arrays import Bools
from circuits.head_codes.counting import count_positive_only, expected_by_chance
from circuits.head_codes.stored import StoredCodes
from circuits.intervals import Share
from circuits.methods.stages import Findings

_FEW_NEGATIVES = 16
_FEW_POSITIVES = 100  # O'Neill & Bui need some 250; tests/benchmarks/results.md has our own curve
_HIGH_ACCURACY = 0.5


def findings_of(stored: StoredCodes, *, made_for: Sequence[str]) -> Findings:
    """How many prompts of each kind there are, how many of them the model answers, and how many codes heads show.

    made_for  other models that given autoencoders were made for

    Codes are means over heads and trials; `by_chance` is what the same codes would give with labels drawn at random.
    `accuracy_negatives` is how often the answer that a negative should not have is the model's most likely token.
    """
    is_negative = ~stored.is_positive
    counts = [count_positive_only(trial, stored.is_positive).counts for trial in stored.codes]
    chance = [expected_by_chance(trial, stored.is_positive) for trial in stored.codes]
    values: dict[str, Any] = {
        "trials": len(stored.codes),
        "n_positives": int(stored.is_positive.sum()),
        "n_negatives": int(is_negative.sum()),
        "codes_per_head": float(np.mean([len(np.unique(head)) for trial in stored.codes for head in trial.T])),
        "positive_only_codes": float(np.mean(counts)),
        "positive_only_codes_by_chance": float(np.mean(chance)),
        "made_for": list(made_for),
    }
    right = {
        side: _right(stored, chosen) for side, chosen in (("positives", stored.is_positive), ("negatives", is_negative))
    }
    for side, share in right.items():
        values[f"accuracy_{side}"] = None if share is None else share.value
        values[f"accuracy_{side}_interval"] = None if share is None else list(share.interval())
    only, by_chance = values["positive_only_codes"], values["positive_only_codes_by_chance"]
    return Findings(
        summary={"coding": values},
        facts=(
            (f"above all, {values['n_negatives']} negatives", right["negatives"]),
            ("codes of a head", f"{values['codes_per_head']:.1f}, mean of {values['trials']} trials"),
            ("on positives alone", f"{only:.1f}; by chance {by_chance:.1f}"),
        ),
        warnings=(*_of_negatives(values), *_of_codes(values)),
        kept={"codes": stored.arrays},
        sampled="of scores from codes, over trials",
    )


def _right(stored: StoredCodes, side: Bools) -> Share | None:
    """How many prompts of a side are answered with their answer; None where the model predicts a single number."""
    if stored.is_correct is None:
        return None
    return Share(int(np.count_nonzero(stored.is_correct[side])), int(side.sum()))


def _of_negatives(values: Mapping[str, Any]) -> list[str]:
    """Warnings about the negatives that codes are compared with."""
    warnings = []
    if values["n_negatives"] < _FEW_NEGATIVES:
        warnings.append(f"{values['n_negatives']} negatives are few: codes that none of them shows may be chance.")
    if (values["accuracy_negatives"] or 0) >= _HIGH_ACCURACY:
        warnings.append(
            f"the model gives the right answer to {values['accuracy_negatives']:.0%} of the negatives as well: codes "
            "on positives alone may say nothing about the task. Choose negatives where it fails (another corruption)."
        )
    return warnings


def _of_codes(values: Mapping[str, Any]) -> list[str]:
    """Warnings about the codes themselves."""
    warnings = []
    if values["n_positives"] < _FEW_POSITIVES:
        warnings.append(
            f"{values['n_positives']} positives are few for counting codes: rankings become steady at about 250 "
            "(prompts)."
        )
    if values["positive_only_codes"] <= values["positive_only_codes_by_chance"]:
        warnings.append(
            f"heads show {values['positive_only_codes']:.1f} codes on positives alone, as shuffled labels would give "
            f"({values['positive_only_codes_by_chance']:.1f}): single codes may mean nothing. What ranks heads then is "
            "how much their outputs vary."
        )
    if values["made_for"]:
        warnings.append(f"the autoencoders were made for another model: {', '.join(values['made_for'])}.")
    return warnings
