"""The verdict on two tasks follows its rules: on circuits whose faithfulness on either task is given."""

from __future__ import annotations

import numpy as np
import pytest

from circuits.evaluation.faithfulness import Baseline
from circuits.evaluation.transfer import Member, OnTask
from pipelines.compare.verdict import RULES, Verdict, too_large, verdict

SIZES = np.linspace(0.9, 1.1, 8)


def on_task(
    target: int, other: int, kept: float, shared: float, *, without: float = 0.0, drawn: float | None = None
) -> OnTask:
    """A task whose own circuit keeps all.

    kept     by the circuit of the other task
    shared   by the part that both have
    without  by the whole model without that part or its heads; `drawn` without as much on other heads
    """
    values = {
        Member("own", (target,)): 1.0,
        Member("own", (other,)): kept,
        Member("shared", (other, target)): shared,
        Member("without_shared", (other, target)): without,
    }
    if drawn is not None:
        values[Member("without_heads", (other, target))] = without
        values[Member("without_matched", (other, target))] = drawn
    per_prompt = {member: value * SIZES for member, value in values.items()}
    return OnTask(target, Baseline(SIZES, np.zeros(len(SIZES)), None), per_prompt)


def judged(a: tuple, b: tuple, overlap_p: float | None, **more: float) -> Verdict:
    """Of two tasks, each given by what the other's circuit and the shared part keep."""
    return verdict(on_task(0, 1, *a, **more), on_task(1, 0, *b, **more), ("a", "b"), overlap_p)


@pytest.mark.parametrize(
    ("a", "b", "overlap_p", "expected"),
    [
        ((0.9, 0.8), (0.7, 0.6), 0.01, "shared mechanism"),
        ((0.9, 0.8), (0.7, 0.6), None, "shared mechanism"),
        ((0.1, 0.1), (0.9, 0.8), 0.5, "contained"),
        ((0.9, 0.1), (0.1, 0.1), 0.01, "transfer without overlap"),
        ((0.9, 0.1), (0.9, 0.9), 0.01, "transfer without overlap"),
        ((0.1, 0.0), (0.2, 0.0), 0.049, "overlap only"),
        ((0.1, 0.0), (0.2, 0.0), 0.05, "disjoint"),
        ((0.1, 0.0), (-0.2, 0.0), None, "separate"),
    ],
)
def test_the_rules(a, b, overlap_p, expected):
    assert judged(a, b, overlap_p).name == expected
    assert judged(b, a, overlap_p).name == expected
    assert expected in RULES


def test_a_shared_part_that_is_not_needed_more_than_other_heads_leaves_it_open():
    assert judged((0.9, 0.8), (0.7, 0.6), 0.01, without=0.2, drawn=0.9).name == "shared mechanism"
    found = judged((0.9, 0.8), (0.7, 0.6), 0.01, without=0.2, drawn=0.1)
    assert found.name == "undecided"
    words = (
        "without the heads of the shared part {} loses -0.10 [-0.10, -0.10] more than without as much on other heads"
    )
    assert found.because == tuple(f"{words.format(task)}, which is not surely more" for task in "ba")


def test_intervals_that_hold_one_half_leave_it_open():
    a, b = on_task(0, 1, 0.1, 0.0), on_task(1, 0, 0.5, 0.0)
    spread = {**b.values, Member("own", (0,)): np.linspace(-1, 2, len(SIZES))}
    found = verdict(a, OnTask(1, b.baseline, spread), ("a", "b"), 0.5)
    assert found.name == "undecided"
    assert any("the circuit of a keeps 0.50 [" in reason for reason in found.reasons)
    (because,) = found.because
    assert because.startswith("the circuit of a keeps 0.50 [")
    assert because.endswith("on b, and the interval holds one half")


def test_a_shared_part_whose_share_is_open_is_named_as_what_leaves_it_open():
    a, b = on_task(0, 1, 0.9, 0.8), on_task(1, 0, 0.9, 0.8)
    spread = {**b.values, Member("shared", (0, 1)): np.linspace(-1, 2, len(SIZES))}
    (because,) = verdict(a, OnTask(1, b.baseline, spread), ("a", "b"), 0.5).because
    assert because.startswith("their shared part alone keeps 0.50 [")
    assert because.endswith("on b, and the interval holds one half")


def test_a_circuit_that_does_no_better_than_on_other_heads_does_not_count_as_transfer():
    a, b = on_task(0, 1, 0.1, 0.0), on_task(1, 0, 0.9, 0.8)
    drawn = {Member("matched", (0,), number): 0.95 * SIZES for number in range(3)}
    found = verdict(a, OnTask(1, b.baseline, {**b.values, **drawn}), ("a", "b"), 0.5)
    assert found.name == "undecided"
    assert any("no more than on other heads" in reason for reason in found.reasons)
    assert found.because == (
        "the circuit of a does not surely do more on b than on other heads (-0.05 [-0.05, -0.05] beyond)",
    )


def test_what_a_circuit_keeps_that_is_larger_than_it_must_be_does_not_count_as_transfer():
    a, b = on_task(0, 1, 0.9, 0.8), on_task(1, 0, 0.7, 0.6)
    assert verdict(a, b, ("a", "b"), 0.01).name == "shared mechanism"
    for share, expected in ((0.9, "undecided"), (0.8, "shared mechanism")):
        padded = OnTask(0, a.baseline, {**a.values, Member("half", (0,)): share * SIZES})
        assert too_large(padded) == ("half" if share > 0.85 else None)
        found = verdict(padded, b, ("a", "b"), 0.01)
        assert found.name == expected
        assert any("half of its edges keep 0.90" in reason for reason in found.reasons) == (share > 0.85)
        words = "the circuit of a is larger than it must be: half of its edges keep 0.90 [0.90, 0.90] of what it keeps"
        assert found.because == ((words,) if share > 0.85 else ())
    # What it does not do tells as much as of any other circuit.
    lost = on_task(1, 0, 0.1, 0.0)
    padded = OnTask(0, a.baseline, {**on_task(0, 1, 0.1, 0.0).values, Member("half", (0,)): SIZES})
    assert verdict(padded, lost, ("a", "b"), 0.5).name == "disjoint"


def test_a_circuit_that_random_ones_match_or_that_is_most_of_the_model_does_not_count_as_transfer():
    a, b = on_task(0, 1, 0.9, 0.8), on_task(1, 0, 0.7, 0.6)
    for kept, expected in ((0.6, "undecided"), (0.4, "shared mechanism")):
        drawn = {Member("random", (0,), number): share * SIZES for number, share in enumerate((kept, kept - 0.02))}
        found = verdict(OnTask(0, a.baseline, {**a.values, **drawn}), b, ("a", "b"), 0.01)
        assert found.name == expected
        assert ("but it is larger than it must be: as many random edges keep 0.59 " in " ".join(found.reasons)) == (
            expected == "undecided"
        )
    for share, expected in ((0.51, "undecided"), (0.5, "shared mechanism")):
        found = verdict(OnTask(0, a.baseline, a.values, share=share), b, ("a", "b"), 0.01)
        assert found.name == expected
    assert too_large(OnTask(0, a.baseline, a.values, share=0.51)) == "most"


def test_a_circuit_that_does_what_the_model_does_transfers_where_the_own_one_does_more():
    a, b = on_task(0, 1, 0.9, 0.8), on_task(1, 0, 0.9, 0.8)
    beyond = OnTask(1, b.baseline, {**b.values, Member("own", (1,)): 2.4 * SIZES, Member("half", (1,)): 0.8 * SIZES})
    found = verdict(a, beyond, ("a", "b"), 0.01)
    assert found.name == "shared mechanism"
    assert (
        "the circuit of a keeps 0.90 [0.90, 0.90] of what the whole model does on b, whose own circuit does more"
        in found.reasons
    )
    # Half of its edges do what the model does: what more it does is no reason to be as large.
    padded = OnTask(1, b.baseline, {**beyond.values, Member("half", (1,)): 0.9 * SIZES})
    (because,) = verdict(a, padded, ("a", "b"), 0.01).because
    assert because.endswith("half of its edges keep 0.90 [0.90, 0.90] of what the whole model does")


@pytest.mark.parametrize(
    ("low", "high", "advice"),
    [
        # A mean of .6 with 2.365 * .350 / sqrt(8) = .2925 to either side: (.2925 / .1) ** 2 = 8.56.
        (0.1, 1.1, "discover b on about 8.6 times as many prompts: 69 that judge it, in place of 8, would exclude one"),
        (-1.0, 2.0, "more prompts of b will hardly help: 0.50 is about one half"),
    ],
)
def test_an_interval_that_holds_one_half_says_how_many_prompts_would_narrow_it_and_of_which_task(low, high, advice):
    a, b = on_task(0, 1, 0.1, 0.0), on_task(1, 0, 0.5, 0.0)
    # Of prompts that all have the same gap, so that the share's interval is that of a mean.
    ones = {member: np.full(len(SIZES), values.mean()) for member, values in b.values.items()}
    spread = {**ones, Member("own", (0,)): np.linspace(low, high, len(SIZES))}
    flat = Baseline(np.ones(len(SIZES)), np.zeros(len(SIZES)), None)
    found = verdict(a, OnTask(1, flat, spread), ("a", "b"), 0.5)
    (said,) = found.advice
    assert said.startswith(advice)
    assert "square root" in said
    assert len(found.because) == 1


def test_what_more_prompts_would_not_decide_is_told():
    needless = judged((0.9, 0.8), (0.7, 0.6), 0.01, without=0.2, drawn=0.1)
    assert all(text.startswith("more prompts will hardly help: other heads do the same") for text in needless.advice)
    a, b = on_task(0, 1, 0.9, 0.8), on_task(1, 0, 0.7, 0.6)
    padded = OnTask(0, a.baseline, {**a.values, Member("half", (0,)): 0.9 * SIZES})
    (smaller,) = verdict(padded, b, ("a", "b"), 0.01).advice
    assert smaller.startswith("choose a smaller circuit of a (--edges)")
    flat = OnTask(0, Baseline(SIZES, SIZES, None), on_task(0, 1, 0.9, 0.9).values)
    (gap,) = verdict(flat, on_task(1, 0, 0.9, 0.9), ("a", "b"), 0.5).advice
    assert gap.startswith("discover a with a corruption or a metric")


def test_without_a_gap_nothing_is_decided():
    flat = OnTask(0, Baseline(SIZES, SIZES, None), on_task(0, 1, 0.9, 0.9).values)
    found = verdict(flat, on_task(1, 0, 0.9, 0.9), ("a", "b"), 0.5)
    assert found.name == "undecided"
    assert found.because == (
        "the circuit of b keeps an unknown share of what that of a keeps on a, which cannot be told",
    )


def test_every_undecided_verdict_says_what_failed_and_no_other_does():
    """Over all that a side can be: what transfers, what the shared part does, whether its heads are needed."""
    spread = np.linspace(-1, 2, len(SIZES))
    sides = [
        on_task(1, 0, kept, shared, without=0.2, drawn=drawn)
        for kept in (0.1, 0.9)
        for shared in (0.1, 0.9)
        for drawn in (0.1, 0.9)
    ]
    for side in tuple(sides):
        for open_one in (Member("own", (0,)), Member("shared", (0, 1))):
            sides.append(OnTask(1, side.baseline, {**side.values, open_one: spread}))
    swapped = {(0,): (1,), (1,): (0,), (0, 1): (1, 0)}
    found = set()
    for a in sides:
        values = {member._replace(of=swapped[member.of]): per_prompt for member, per_prompt in a.values.items()}
        for b in sides:
            one = verdict(OnTask(0, a.baseline, values), b, ("a", "b"), 0.01)
            assert (one.name == "undecided") == bool(one.because)
            assert len(one.advice) == len(one.because)
            found.add(one.name)
    assert found == {"shared mechanism", "contained", "transfer without overlap", "overlap only", "undecided"}
