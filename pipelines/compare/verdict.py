"""Whether two tasks share a mechanism, by written rules on numbers with their intervals.

A circuit *transfers* to a task where it keeps at least half of what the task's own circuit keeps (of what the whole
model does, where that circuit goes beyond the model), and more than the same circuit on other heads; it does not where
it keeps less than half. Both are said only where the 95 % interval says
so. What a circuit keeps that is larger than it must be (`too_large`) says little, as its other parts may be those of
other tasks: it does not count as transfer. Of the part that both circuits have the same is asked, and whether the model
loses more without its parts at heads than without as much on other heads. Whether edges overlap beyond chance is a
third question. All rules are on the metric; what a circuit keeps of the accuracy is shown beside it. Where nothing is
decided, `Verdict.because` has the conditions that failed, and `Verdict.advice` what would decide them.
"""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

from circuits.evaluation.transfer import Member, OnTask
from circuits.intervals import Estimate
from graphs.comparison.null import SIGNIFICANT
from graphs.flaws import MOST_OF_THE_MODEL

HALF = 0.5
# The share of what a circuit does from which half of it does nearly all, as faithfulness does by default.
NEARLY_ALL = 0.85
# More prompts than so many times those at hand are no advice.
_MOST_TIMES = 50
TooLarge = Literal["half", "random", "most"]

RULES = {
    "shared mechanism": "each circuit transfers to the other task, and so does the part they share, without whose "
    "heads both lose more than without as much on other heads",
    "contained": "one circuit transfers, the other does not, and the shared part alone does the task it transfers to",
    "transfer without overlap": "a circuit transfers to the other task, and the part they share alone does not",
    "overlap only": "neither transfers, and the circuits share more than chance gives",
    "disjoint": "neither transfers, and the circuits share no more than chance gives",
    "separate": "neither transfers; even the largest overlap that such circuits could have would be no surprise by "
    "chance",
    "undecided": "the intervals leave it open, a circuit transfers that is larger than it must be, or the heads of the "
    "shared part are not needed more than others",
}


class Verdict(NamedTuple):
    """What was found, and the numbers that it rests on.

    because  the conditions that failed, with their numbers; empty unless `name` is undecided
    advice   what may decide each of these, in their order
    """

    name: str
    reasons: tuple[str, ...]
    because: tuple[str, ...] = ()
    advice: tuple[str, ...] = ()


class _Open(NamedTuple):
    """A condition that is not decided, with its numbers, and what may decide it."""

    condition: str
    advice: str


class _Side(NamedTuple):
    """What is known of one direction: a circuit run on another task.

    transfers, shared_does  True, False, or None where the interval leaves it open
    needs_shared            whether the task loses more without the shared part's heads than without as much on other
                            heads; None where it has no head or fills the layers it uses, so that there are none
    if_open                 what to say of each where it is not decided, or where the heads are not surely needed
    """

    transfers: bool | None
    shared_does: bool | None
    needs_shared: bool | None
    if_open: tuple[_Open, _Open, _Open]


def verdict(on_a: OnTask, on_b: OnTask, names: tuple[str, str], overlap_p: float | None) -> Verdict:
    """The verdict on two tasks.

    names      what a and b are called
    overlap_p  probability of sharing as much by chance; None where that is not known
    """
    reasons: list[str] = []
    to_b = _side(on_a, on_b, (names[0], names[1]), reasons)
    to_a = _side(on_b, on_a, (names[1], names[0]), reasons)
    sides = (to_b, to_a)
    if overlap_p is not None:
        reasons.append(f"sharing as many edges by chance: p = {overlap_p:.2g}")
    name = _name(sides, overlap_p)
    failed = _failed(sides) if name == "undecided" else ()
    return Verdict(name, tuple(reasons), tuple(one.condition for one in failed), tuple(one.advice for one in failed))


def _name(sides: tuple[_Side, _Side], overlap_p: float | None) -> str:
    if any(side.transfers and side.shared_does is False for side in sides):
        return "transfer without overlap"
    if all(side.transfers and side.shared_does and side.needs_shared is not False for side in sides):
        return "shared mechanism"
    for one, other in (sides, sides[::-1]):
        if one.transfers and one.shared_does and other.transfers is False:
            return "contained"
    if all(side.transfers is False for side in sides):
        if overlap_p is None:
            return "separate"
        return "overlap only" if overlap_p < SIGNIFICANT else "disjoint"
    return "undecided"


def _failed(sides: tuple[_Side, _Side]) -> tuple[_Open, ...]:
    """What keeps two tasks undecided. Of a circuit that does not transfer, nothing else is asked."""
    failed = []
    for side in sides:
        if side.transfers is None:
            failed.append(side.if_open[0])
        elif side.transfers and side.shared_does is None:
            failed.append(side.if_open[1])
        elif all(each.transfers and each.shared_does for each in sides) and side.needs_shared is False:
            failed.append(side.if_open[2])
    return tuple(failed)


def _side(home: OnTask, on: OnTask, names: tuple[str, str], reasons: list[str]) -> _Side:
    """The circuit of one task on the other's; `reasons` gets the numbers."""
    (circuit, task), of = names, home.target
    own = Member("own", (of,))
    kept, beyond = on.retention(own), on.beyond("matched", of)
    transfers = at_least_half(kept)
    right = on.accuracy_retention(own)
    by_accuracy = "" if right is None else f" ({_shown(right)} of its accuracy above the empty circuit's)"
    held = f"the whole model does on {task}, whose own circuit does more" if on.goes_beyond else None
    keeps = f"the circuit of {circuit} keeps {_shown(kept)} of what {held or f'that of {task} keeps on {task}'}"
    reasons.append(f"{keeps}{by_accuracy}")
    if_open = _holds_half(keeps, kept, on, task)
    if transfers and beyond is not None and not beyond.interval.low > 0:
        transfers = None
        reasons[-1] += f", no more than on other heads ({_shown(beyond)} beyond)"
        if_open = _Open(
            f"the circuit of {circuit} does not surely do more on {task} than on other heads ({_shown(beyond)} beyond)",
            _above_zero(beyond, on, task, f"what the circuit of {circuit} does on {task} is no matter of its heads"),
        )
    if transfers and (why := too_large(home)) is not None:
        transfers = None
        reasons.append(f"but it is larger than it must be: {_does_as_well(home, why)}")
        if_open = _Open(
            f"the circuit of {circuit} is larger than it must be: {_does_as_well(home, why)}",
            f"choose a smaller circuit of {circuit} (--edges), or let discover search its size",
        )
    shared = on.retention(Member("shared", (of, on.target)))
    alone = f"their shared part alone keeps {_shown(shared)} on {task}"
    reasons.append(alone)
    needed = on.necessity_beyond_matched(of)
    if needed is None:
        reasons.append(f"without it {task} loses {_shown(on.necessity(of))}; no other heads are there to compare with")
    else:
        more = f"{_shown(needed)} more than without as much on other heads"
        at_heads = _shown(on.necessity_at_heads(of))
        reasons.append(f"without it {task} loses {_shown(on.necessity(of))}; without its heads {at_heads}, {more}")
    lost = (
        f"without the heads of the shared part {task} loses {_shown(needed)} more than without as much on other heads"
    )
    return _Side(
        transfers,
        at_least_half(shared),
        None if needed is None else needed.interval.low > 0,
        (
            if_open,
            _holds_half(alone, shared, on, task),
            _Open(
                f"{lost}, which is not surely more",
                _above_zero(needed, on, task, "other heads do the same: the shared part is one of several ways"),
            ),
        ),
    )


def _holds_half(words: str, estimate: Estimate | None, on: OnTask, task: str) -> _Open:
    """That a share of which one half or more is asked is not decided."""
    if estimate is None:
        advice = f"discover {task} with a corruption or a metric in which clean and corrupt prompts differ"
        return _Open(f"{words}, which cannot be told", advice)
    return _Open(f"{words}, and the interval holds one half", _more_prompts(estimate, HALF, "one half", on, task))


def _above_zero(estimate: Estimate | None, on: OnTask, task: str, otherwise: str) -> str:
    """What may decide whether a difference is above 0; `otherwise` is said where it is not even in the mean."""
    if estimate is None or estimate.value <= 0:
        return f"more prompts will hardly help: {otherwise}"
    return _more_prompts(estimate, 0.0, "0", on, task)


def _more_prompts(estimate: Estimate, bound: float, called: str, on: OnTask, task: str) -> str:
    """How many prompts of a task would exclude a bound that an interval holds, if the estimate stays what it is.

    called  the bound, in words
    """
    n, ends = len(on.baseline.clean), estimate.interval.as_json()
    narrows = "intervals narrow with the square root of the number of prompts"
    if ends is None:
        return f"discover {task} on more prompts: on the {n} that judge it, this has no bounded interval"
    off, half_width = abs(estimate.value - bound), (ends[1] - ends[0]) / 2
    if half_width > _MOST_TIMES**0.5 * off:
        return f"more prompts of {task} will hardly help: {estimate.value:z.2f} is about {called} ({narrows})"
    times = (half_width / off) ** 2
    return (
        f"discover {task} on about {times:.1f} times as many prompts: {math.ceil(n * times):,} that judge it, in place "
        f"of {n:,}, would exclude {called} if {estimate.value:z.2f} stays what it is ({narrows})"
    )


def too_large(home: OnTask) -> TooLarge | None:
    """Why a task's own circuit is larger than it must be; None where it may be as small as it can.

    half    half of its edges surely do nearly all that it does
    random  as many random edges surely do half of what it does, on average
    most    it is most of the model
    """
    if home.half is not None and home.half.interval.low >= NEARLY_ALL:
        return "half"
    if at_least_half(home.at_random):
        return "random"
    return "most" if home.share is not None and home.share > MOST_OF_THE_MODEL else None


def _does_as_well(home: OnTask, why: TooLarge) -> str:
    if why == "most":
        return f"it holds {home.share:.0%} of the model's edges"
    what, kept = ("half of its edges", home.half) if why == "half" else ("as many random edges", home.at_random)
    return f"{what} keep {_shown(kept)} of what {'the whole model does' if home.goes_beyond else 'it keeps'}"


def at_least_half(estimate: Estimate | None) -> bool | None:
    """Whether it is half or more, where its interval says so."""
    if estimate is None:
        return None
    low, high = estimate.interval
    return True if low >= HALF else False if high < HALF else None


def _shown(estimate: Estimate | None) -> str:
    if estimate is None:
        return "an unknown share"
    ends = estimate.interval.as_json()
    return f"{estimate.value:z.2f} " + ("[-]" if ends is None else f"[{ends[0]:z.2f}, {ends[1]:z.2f}]")
