"""How far a computation is, in shares of nested loops; and what is kept of it, by the steps that lead there."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from circuits.arrays import Floats
from circuits.model.steps import Steps, beforehand, kept, kept_tensor, slices, steps, watched_by, whole
from tests.notes import Notes


def test_shares_of_nested_loops_add_up():
    notes = Notes()
    with watched_by(notes), whole():
        for _ in steps("ab", [3, 1]):
            for _ in slices([slice(0, 2), slice(2, 3)]):
                pass
    assert notes.shares == pytest.approx([0, 0.5, 0.75, 0.75, 0.75 + 2 / 12, 1, 1])


def test_what_is_not_the_whole_says_nothing_of_how_far_it_is():
    notes = Notes()
    with watched_by(notes):
        assert list(steps("abc")) == ["a", "b", "c"]
        assert not notes.shares
        with beforehand(), whole():
            list(steps("abc"))
        assert set(notes.shares) == {0.0}
        with whole():
            list(steps("ab"))
    assert notes.shares[-2:] == [0.5, 1.0]


def test_a_step_that_is_done_in_two_parts_counts_once():
    notes = Notes()
    with watched_by(notes), whole():
        loop = Steps(4)
        loop.enter(4, "all")  # does not fit
        for half in ("first", "second"):
            loop.enter(2, half)
            loop.leave(2)
    assert notes.shares == [0.0, 0.5, 1.0]


def test_nobody_has_to_watch():
    with whole(), beforehand():
        assert [kept(lambda n=n: np.array([float(n)])).item() for n in steps(range(3))] == [0, 1, 2]
    assert kept_tensor(lambda: torch.ones(2), like=torch.zeros(1)).tolist() == [1, 1]


def computed(notes: Notes, n_steps: int) -> tuple[list[float], int]:
    """What a loop of two kept values a step gives, and how many of them it computed."""
    calls = []

    def value(number: float) -> Floats:
        calls.append(number)
        return np.array([number])

    found = []
    with watched_by(notes):
        for number in steps(range(n_steps)):
            found.append(kept(lambda number=number: value(number)).item())
            found.append(kept(lambda number=number: value(number + 0.5)).item())
    return found, len(calls)


def test_what_was_kept_is_not_computed_again():
    whole_notes, part_notes = Notes(), Notes()
    every, _ = computed(whole_notes, 5)
    computed(part_notes, 3)
    again, n_calls = computed(Notes(part_notes.kept), 5)
    assert again == every
    assert n_calls == 4


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
def test_a_tensor_comes_back_as_it_was(dtype: torch.dtype):
    values, notes = torch.randn(3, 4, dtype=dtype), Notes()
    with watched_by(notes):
        kept_tensor(lambda: values, like=values)
    with watched_by(Notes(notes.kept)):
        again = kept_tensor(lambda: values + 1, like=values)
    assert again.dtype == dtype
    assert torch.equal(again, values)
