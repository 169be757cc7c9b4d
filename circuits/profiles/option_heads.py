"""Classes of heads on multiple-choice prompts, by written rules on where they attend from the answer position.

Source: the classes of Lieberum et al. 2023 (arXiv 2307.09458), who tell them by eye; the rules are ours. A class says
where a head looks. What it does to the answer is its effect, which stands beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from circuits.arrays import Floats
from circuits.data.prompts import Prompt

CORRECT, SINGLE, FIXED = "correct letter", "single letter", "fixed letter"
UNIFORM, AMPLIFICATION = "uniform", "amplification"


@dataclass(frozen=True)
class OptionRules:
    """When a head is of a class; the first that fits is taken. Shares are of its attention to all options together,
    means over the prompts in which one and the same option is correct.

    least   attention to all options from which a head looks at options at all; below it, it is `amplification` where
            `recent` of its attention is on the last few tokens, and of no class otherwise
    most    `correct letter` where the correct option gets this share, whichever it is; `fixed letter` where one option
            does, whichever is correct; `single letter` where one does if it is the correct one, and
    apart   a share that is smaller by this where it is not
    even    `uniform` where every share is within this of that of even attention
    """

    least: float = 0.25
    recent: float = 0.5
    most: float = 0.5
    apart: float = 0.2
    even: float = 0.1


def options_of(prompt: Prompt, options: Sequence[str], correct: str) -> int | None:
    """Which of the options, which are roles, is where the role `correct` is; None where none is or one is missing."""
    if correct not in prompt.roles or any(option not in prompt.roles for option in options):
        return None
    return next((n for n, option in enumerate(options) if prompt.roles[option] == prompt.roles[correct]), None)


def option_classes(
    attention: Floats, correct: Sequence[int], recent: Floats, names: Sequence[str], rules: OptionRules | None = None
) -> list[str | None]:
    """The class of every head; None where no rule fits.

    attention  [prompt, option, head] at the answer position
    correct    [prompt] the number of the correct option
    recent     [prompt, head] attention to the last few tokens
    names      of the options, which classes of one letter name: `single letter B`

    ValueError where fewer than two options are ever correct: the classes cannot be told apart then.
    """
    rules, right = rules or OptionRules(), np.asarray(correct)
    present = sorted(set(correct))
    if len(present) < 2:
        raise ValueError(f"of {len(names)} options {len(present)} is ever correct: classes of heads need two or more.")
    total = attention.sum(axis=1)
    classes: list[str | None] = []
    for head in range(attention.shape[2]):
        if total[:, head].mean() < rules.least:
            classes.append(AMPLIFICATION if recent[:, head].mean() >= rules.recent else None)
            continue
        sums = np.stack([attention[right == one, :, head].sum(axis=0) for one in present])
        shares = sums / np.maximum(sums.sum(axis=1, keepdims=True), np.finfo(np.float64).tiny)
        classes.append(_class_of(shares, present, names, rules))
    return classes


def _class_of(shares: Floats, present: Sequence[int], names: Sequence[str], rules: OptionRules) -> str | None:
    """The class of a head that looks at options, by its shares [correct option, option]."""
    own = shares[np.arange(len(present)), present]
    if own.min() >= rules.most:
        return CORRECT
    for option, name in enumerate(names):
        if shares[:, option].min() >= rules.most:
            return f"{FIXED} {name}"
    for row, option in enumerate(present):
        others = np.delete(shares[:, option], row)
        if own[row] >= rules.most and others.max() <= own[row] - rules.apart:
            return f"{SINGLE} {names[option]}"
    return UNIFORM if np.abs(shares - 1 / shares.shape[1]).max() <= rules.even else None
