"""Whether a model solves a task, and how many prompts were left out where only solved ones were kept."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from circuits.intervals import Share, wilson_interval

SOLVED, IN_PART, NOT_SOLVED = "solved", "in part", "not"
# Eight in ten at worst: fewer mistakes hardly move the means that a circuit is judged by.
SOLVED_FROM = 0.8
RULE = f"Solved: the accuracy's 95 % interval is above {SOLVED_FROM:.0%}. Not: it reaches chance. In part: neither."


def verdict(n_correct: int, n: int, chance: float) -> str:
    """`solved` where the accuracy's 95 % interval is above 0.8, `not` where it reaches chance, and else `in part`.

    chance  the accuracy of random answers, from 0 to 1

    So 16 right answers of 16 are needed, or 55 of 60: few prompts do not show that a task is solved.
    """
    low, _ = wilson_interval(n_correct, n)
    if low <= chance:
        return NOT_SOLVED
    return SOLVED if low > SOLVED_FROM else IN_PART


def dropped(solved: Mapping[str, int] | None) -> dict[str, Any] | None:
    """For a summary: the share of the prompts drawn that was dropped, with Wilson's 95 % interval, and both numbers.

    solved  how many prompts were `kept` and `drawn` (`PromptSet.solved`); None where all were kept
    """
    if solved is None:
        return None
    share = Share(solved["drawn"] - solved["kept"], solved["drawn"])
    return {**solved, "dropped_share": share.value, "dropped_share_interval": list(share.interval())}


def kept_of_drawn(solved: Mapping[str, int]) -> str:
    """`64 solved of 71 drawn (9.9% dropped)`, for tables and figures."""
    kept, drawn = solved["kept"], solved["drawn"]
    return f"{kept} solved of {drawn} drawn ({1 - kept / drawn:.1%} dropped)"
