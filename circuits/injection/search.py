"""Strengths of an injection, searched for on questions other than those it is judged on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from circuits.arrays import Bools, Floats
from circuits.data.prompts import PromptSet
from circuits.injection.answers import Answers, TapFactory, answers
from circuits.injection.hooks import injection_tap
from circuits.injection.settings import Injection

if TYPE_CHECKING:
    from circuits.model.load import Model

_PLAIN = "plain"

STRENGTHS = (0.0, 0.1, 0.2, 0.4, 0.8, 1.5, 3.0, 4.5, 6.0, 9.0)
"""The paper's are 0.08 to 0.26; their effect is proportional to the recovery rates, so small rates need larger ones."""


@dataclass(frozen=True, eq=False)
class StrengthSearch:
    """Every pair of strengths with the accuracy it gives.

    attention, mlp  the strengths tried
    accuracy        [attention, mlp]
    guarded         [attention, mlp] accuracy on the questions that must not suffer; None where there are none
    injection       the base with the best strengths; the smaller ones (in sum, then of the attention) where pairs tie
    plain           what the model says without an injection
    """

    attention: tuple[float, ...]
    mlp: tuple[float, ...]
    accuracy: Floats
    guarded: Floats | None
    injection: Injection
    plain: Answers


def with_strengths(base: Injection, attention: float, mlp: float) -> Injection:
    """The same injection with other strengths; a part that it leaves alone stays so."""
    return replace(
        base,
        attention=None if base.attention is None else replace(base.attention, strength=attention),
        mlp=None if base.mlp is None else replace(base.mlp, strength=mlp),
    )


def search_strengths(
    model: Model,
    prompts: PromptSet,
    base: Injection,
    *,
    attention: Sequence[float] = STRENGTHS,
    mlp: Sequence[float] = STRENGTHS,
    judged: Bools | None = None,
    guarded: Bools | None = None,
    max_accuracy_drop: float = 0.0,
) -> StrengthSearch:
    """The strengths at which most questions of a validation split are answered right, from every pair of these.

    judged     [prompt] which questions count; by default all
    guarded    [prompt] which must not suffer, such as easier ones: strengths that lower the accuracy on them by more
               than `max_accuracy_drop` are passed over. Strengths above those of the paper can make a model say no
               wherever it is in doubt
    max_accuracy_drop  as a fraction: 0.005 is half a percentage point

    Cost: one forward pass per prompt, and one of one token per prompt and pair.
    """
    if not attention or not mlp:
        raise ValueError("no strengths to try: give at least one for the attention and one for the MLPs.")
    judged = np.ones(len(prompts), dtype=np.bool_) if judged is None else judged
    pairs = [(a, m) for a in attention for m in mlp]
    taps: dict[str, TapFactory | None] = {
        str(pair): partial(injection_tap, with_strengths(base, *pair)) for pair in pairs
    }
    answered = answers(model, prompts, {_PLAIN: None} | taps)

    def accuracy(name: str, chosen: Bools) -> float:
        return float(answered[name].is_answer[chosen].mean())

    allowed = pairs
    if guarded is not None:
        # 1e-9 is for rounding: one question changes the accuracy by far more.
        least = accuracy(_PLAIN, guarded) - max_accuracy_drop - 1e-9
        allowed = [pair for pair in pairs if accuracy(str(pair), guarded) >= least]
    if not allowed:
        raise ValueError(
            f"every pair of strengths {list(attention)} and {list(mlp)} lowers the guarded accuracy by more than "
            f"{max_accuracy_drop:g}: add 0 to both, or allow more."
        )
    best = min(allowed, key=lambda pair: (-accuracy(str(pair), judged), sum(pair), pair))

    def grid(chosen: Bools) -> Floats:
        return np.array([[accuracy(str((a, m)), chosen) for m in mlp] for a in attention])

    return StrengthSearch(
        tuple(attention),
        tuple(mlp),
        grid(judged),
        None if guarded is None else grid(guarded),
        with_strengths(base, *best),
        answered[_PLAIN],
    )
