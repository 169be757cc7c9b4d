"""Which heads do on one task what they do not on another, and what later heads do once they are made to.

The *focus* of a head is its attention, at the answer position, to the words that compete with the answer minus that to
the words that say it. Heads that inhibit have a high focus where they work (the subject in IOI), movers a low one. A
head whose focus is higher on the other task is a candidate for the repair: an edit puts its row on the wrong words.

Source: Merullo et al. 2024, section 5, where heads were known from path patching on the other task.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from circuits.arrays import Bools, Floats
from circuits.edits.downstream import Observed
from circuits.intervals import Estimate, bootstrap, ratio_t_interval, t_interval, welch_interval

RIGHT, WRONG = 0, 1  # the groups of `Observed.attention`
_LEVEL = 0.95


class Turn(NamedTuple):
    """A head on two tasks.

    focus, like_focus  its mean focus on the task, and on the other one
    difference         the other one's minus the task's, with Welch's interval corrected for the number of heads
    """

    head: str
    focus: float
    like_focus: float
    difference: Estimate


def turns(task: Observed, like: Observed) -> list[Turn]:
    """Every head on both tasks, the largest difference first."""
    first, second = (seen.attention[..., WRONG] - seen.attention[..., RIGHT] for seen in (task, like))
    ends = welch_interval(second, first, level=1 - (1 - _LEVEL) / len(task.heads))
    means, like_means = first.mean(axis=0), second.mean(axis=0)
    found = [
        Turn(head, float(means[n]), float(like_means[n]), Estimate(float(like_means[n] - means[n]), ends.item(n)))
        for n, head in enumerate(task.heads)
    ]
    return sorted(found, key=lambda turn: -turn.difference.value)


class Candidates(NamedTuple):
    """Heads to try, the best first; `is_sure`: whether they surely differ, or are no more than the best there are."""

    heads: list[str]
    is_sure: bool


def candidates(heads: Sequence[str], differences: Sequence[Estimate], *, most: int, least: float) -> Candidates:
    """The heads with the largest differences, at most `most`: those of at least `least` that are surely above 0.

    Where none is, the largest ones: what they do is measured on prompts that had no part in the choice.
    """
    order = sorted(range(len(heads)), key=lambda n: -differences[n].value)
    sure = [n for n in order if differences[n].value >= least and differences[n].interval.low > 0]
    return Candidates([heads[n] for n in (sure or order)[:most]], bool(sure))


def best_set(sets: Sequence[Sequence[str]], is_correct: Bools, is_top1: Bools) -> int:
    """The number of the set with the most right answers [set, prompt]; of ties most top-1, then fewest heads."""
    ranks = [
        (int(correct.sum()), int(top1.sum()), -len(heads))
        for heads, correct, top1 in zip(sets, is_correct, is_top1, strict=True)
    ]
    return max(range(len(sets)), key=lambda number: ranks[number])


def movers(heads: Sequence[str], importance: Floats, *, most: int, spared: Sequence[str]) -> list[str]:
    """The heads that say most of the answer directly, at most `most`, surely (corrected for their number) more than 0.

    importance  [prompt, head] direct effect: attribution on the clean prompt minus that on the corrupt one
    spared      heads that are none, such as the edited ones
    """
    if not heads:
        return []
    low = t_interval(importance, level=1 - (1 - _LEVEL) / len(heads)).low
    order = [int(n) for n in np.argsort(-importance.mean(axis=0), kind="stable")]
    return [heads[n] for n in order if low[n] > 0 and heads[n] not in spared][:most]


class Mover(NamedTuple):
    """A mover, or several together, before and under the edits, with 95 % intervals over prompts.

    right, wrong    attention before, and the change of it
    direct          attribution before, and the change of it
    direct_ratio    attribution under the edits over that before; None where that was 0
    """

    head: str
    importance: float
    right: float
    right_change: Estimate
    wrong: float
    wrong_change: Estimate
    direct: float
    direct_change: Estimate
    direct_ratio: Estimate | None


def mover(heads: Sequence[str], before: Observed, after: Observed, importance: Floats) -> Mover:
    """What becomes of heads downstream: the mean of their attention, and the sum of what they say.

    importance  [prompt, head] direct effect, of the prompts that chose
    """
    n = [before.heads.index(head) for head in heads]
    earlier, later = (seen.attention[:, n].mean(axis=1) for seen in (before, after))
    changes = later - earlier
    own, new = before.direct[:, n].sum(axis=1), after.direct[:, n].sum(axis=1)
    ratio = Estimate(float(new.mean() / own.mean()), ratio_t_interval(new, own).item()) if own.mean() else None
    attention = earlier.mean(axis=0)
    return Mover(
        ", ".join(heads),
        float(importance[:, n].sum(axis=1).mean()),
        float(attention[RIGHT]),
        _mean(changes[:, RIGHT]),
        float(attention[WRONG]),
        _mean(changes[:, WRONG]),
        float(own.mean()),
        _mean(new - own),
        ratio,
    )


class Paths(NamedTuple):
    """The change of the logit difference, and who says it: the parts add up to the whole. Means, with 95 % intervals.

    edited       what the edited heads say directly
    other_heads  what other heads say, which read the edited ones
    rest         MLPs, and embedding and biases, which move with the scale of the final norm alone
    """

    whole: Estimate
    edited: Estimate
    other_heads: Estimate
    rest: Estimate


def paths(edited: Sequence[str], before: Observed, after: Observed) -> Paths:
    """By which parts the change of the logit difference is said directly."""
    by_head = after.direct - before.direct
    own = by_head[:, [before.heads.index(head) for head in edited]].sum(axis=1)
    rest = (after.others - before.others).sum(axis=1)
    return Paths(*map(_mean, (after.difference - before.difference, own, by_head.sum(axis=1) - own, rest)))


def importance_correlation(change: Floats, importance: Floats) -> Estimate | None:
    """Spearman's correlation, over heads, of the mean change of direct attribution and the mean original importance.

    change      [prompt, head] on the prompts that judge
    importance  [other prompt, head] on those that chose

    With a bootstrap interval over both sets of prompts. None for fewer than three heads, or where one is constant.
    """
    if change.shape[1] < 3:
        return None

    def statistic(of_change: Floats, of_importance: Floats) -> Floats:
        return _rank_correlation(of_change @ change, of_importance @ importance)

    value = float(_rank_correlation(change.sum(axis=0)[None], importance.sum(axis=0)[None])[0])
    if np.isnan(value):
        return None
    return Estimate(value, bootstrap(statistic, len(change), len(importance)).item())


def _rank_correlation(a: Floats, b: Floats) -> Floats:
    """[row] Spearman's correlation of the rows of a and b [row, head]; NaN where one is constant."""
    from scipy.stats import rankdata

    first, second = (rankdata(values, axis=1) for values in (a, b))
    first, second = (ranks - ranks.mean(axis=1, keepdims=True) for ranks in (first, second))
    size = np.sqrt((first**2).sum(axis=1) * (second**2).sum(axis=1))
    return np.where(size > 0, (first * second).sum(axis=1) / np.where(size > 0, size, 1), np.nan)


def _mean(per_prompt: Floats) -> Estimate:
    return Estimate(float(per_prompt.mean()), t_interval(per_prompt).item())
