"""A task is solved, solved in part or not: by the accuracy and what chance would give."""

from __future__ import annotations

import pytest

from circuits.data.prompts import Prompt, PromptSet
from circuits.solved import verdict


@pytest.mark.parametrize(
    ("n_correct", "n", "chance", "said"),
    [
        (60, 60, 0.5, "solved"),
        (54, 60, 0.5, "solved"),
        (53, 60, 0.5, "in part"),
        (40, 60, 0.5, "in part"),
        # Wilson's interval of 38 of 60 begins at 0.507, that of 37 at 0.490.
        (38, 60, 0.5, "in part"),
        (37, 60, 0.5, "not"),
        (14, 60, 0.25, "not"),
        (14, 60, 0.02, "in part"),
        (0, 60, 0.0, "not"),
        # Three of three may be chance.
        (3, 3, 0.5, "not"),
    ],
)
def test_the_verdict_needs_more_than_chance_and_nine_in_ten(n_correct: int, n: int, chance: float, said: str) -> None:
    assert verdict(n_correct, n, chance) == said


def test_chance_is_the_share_of_the_answers_among_all_that_compete() -> None:
    one = Prompt((1,), (2,), (3,), (4,))
    digits = Prompt((1,), (2,), (3, 4, 5), (6, 7, 8, 9, 10))
    free = Prompt((1,), (2,), (3,))
    assert PromptSet("a", (one,)).chance == 0.5
    assert PromptSet("a", (one, digits, free)).chance == pytest.approx((1 / 2 + 3 / 8 + 0) / 3)
