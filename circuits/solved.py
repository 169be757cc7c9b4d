"""Whether a model solves a task, from how many prompts it answers correctly and how many chance would give."""

from __future__ import annotations

from circuits.intervals import wilson_interval

SOLVED, IN_PART, NOT_SOLVED = "solved", "in part", "not"
# Above nine in ten, mistakes hardly move the means that a circuit is judged by.
SOLVED_FROM = 0.9


def verdict(n_correct: int, n: int, chance: float) -> str:
    """`solved` from nine in ten on, `not` where the accuracy's 95 % interval reaches chance, and otherwise `in part`.

    chance  the accuracy of random answers, from 0 to 1
    """
    low, _ = wilson_interval(n_correct, n)
    if low <= chance:
        return NOT_SOLVED
    return SOLVED if n_correct >= SOLVED_FROM * n else IN_PART
