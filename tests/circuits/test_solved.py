"""A task is solved, solved in part or not: by the accuracy, its interval, and what chance would give."""

from __future__ import annotations

import pytest

from circuits.data.prompts import Prompt, PromptSet
from circuits.solved import dropped, kept_of_drawn, verdict


@pytest.mark.parametrize(
    ("n_correct", "n", "chance", "said"),
    [
        # Wilson's interval of 55 of 60 begins at 0.819, that of 54 at 0.799.
        (60, 60, 0.5, "solved"),
        (55, 60, 0.5, "solved"),
        (54, 60, 0.5, "in part"),
        (40, 60, 0.5, "in part"),
        # That of 38 of 60 begins at 0.507, that of 37 at 0.490.
        (38, 60, 0.5, "in part"),
        (37, 60, 0.5, "not"),
        (14, 60, 0.25, "not"),
        (14, 60, 0.02, "in part"),
        (0, 60, 0.0, "not"),
        # n of n: from n / (n + 3.84) on. Three of three may be chance, and show no more than that they may not.
        (16, 16, 0.5, "solved"),
        (15, 15, 0.5, "in part"),
        (3, 3, 0.5, "not"),
        (3, 3, 0.1, "in part"),
        (60, 60, 0.95, "not"),
    ],
)
def test_the_verdict_is_of_the_interval_against_chance_and_eight_in_ten(
    n_correct: int, n: int, chance: float, said: str
) -> None:
    assert verdict(n_correct, n, chance) == said


def test_chance_is_the_share_of_the_answers_among_all_that_compete() -> None:
    one = Prompt((1,), (2,), (3,), (4,))
    digits = Prompt((1,), (2,), (3, 4, 5), (6, 7, 8, 9, 10))
    free = Prompt((1,), (2,), (3,))
    assert PromptSet("a", (one,)).chance == 0.5
    assert PromptSet("a", (one, digits, free)).chance == pytest.approx((1 / 2 + 3 / 8 + 0) / 3)


def test_a_set_of_solved_prompts_says_how_many_were_dropped() -> None:
    prompts = PromptSet("a", tuple(Prompt((n,), (0,), (9,)) for n in range(1, 9)), n_drawn=10)
    assert prompts.solved == {"kept": 8, "drawn": 10}
    told = dropped(prompts.solved)
    assert told is not None
    assert (told["kept"], told["drawn"], told["dropped_share"]) == (8, 10, 0.2)
    assert told["dropped_share_interval"] == pytest.approx([0.0567, 0.5098], abs=1e-4)
    assert kept_of_drawn({"kept": 64, "drawn": 71}) == "64 solved of 71 drawn (9.9% dropped)"
    assert dropped(None) is None
    # Of a part of the set, nobody knows how many were drawn for it.
    assert prompts[:4].solved is None
