"""Groups of heads: heads that show positive-only codes on the same prompts, in tables that can be checked by eye."""

from __future__ import annotations

import numpy as np
import pytest

from circuits.head_codes.grouping import NO_GROUP, head_groups, positive_only_shares

# Two prompts of one sort, two of another. Heads 0 and 2 respond to the first sort, heads 1 and 3 to the second.
TWO_SORTS = np.array(
    [
        [1.0, 0.0, 0.9, 0.0],
        [0.8, 0.0, 1.0, 0.1],
        [0.0, 1.0, 0.1, 0.9],
        [0.1, 0.9, 0.0, 1.0],
    ]
)


def test_a_share_is_how_many_trials_give_a_prompt_a_code_that_no_negative_has():
    # [trial, prompt, head]: two positives, then two negatives.
    codes = np.array([[[1, 5], [2, 5], [2, 5], [3, 5]], [[1, 5], [4, 6], [2, 5], [3, 5]]])
    shares = positive_only_shares(codes, np.array([True, True, False, False]))
    assert shares.tolist() == [[1.0, 0.0], [0.5, 0.5]]


def test_heads_that_respond_to_the_same_prompts_are_one_group():
    assert head_groups(TWO_SORTS).tolist() == [0, 1, 0, 1]


def test_a_head_that_never_shows_such_a_code_is_in_no_group():
    assert head_groups(np.insert(TWO_SORTS, 1, 0.0, axis=1)).tolist() == [0, NO_GROUP, 1, 0, 1]


def test_groups_are_numbered_by_their_first_heads():
    assert head_groups(TWO_SORTS[:, ::-1]).tolist() == [0, 1, 0, 1]


def test_rows_of_several_tasks_tell_apart_heads_that_one_task_does_not():
    one = np.array([[1.0, 1.0, 1.0, 0.0], [0.5, 0.5, 0.5, 1.0], [0.0, 0.0, 0.0, 1.0]])
    other = np.array([[1.0, 0.0, 0.0, 1.0], [1.0, 0.1, 0.0, 1.0], [0.0, 1.0, 1.0, 0.0]])
    assert len(set(head_groups(one)[:3])) == 1
    both = head_groups(np.concatenate([one, other]))
    assert both[0] != both[1] == both[2]


def test_the_order_of_prompts_does_not_matter():
    assert head_groups(TWO_SORTS[[2, 0, 3, 1]]).tolist() == head_groups(TWO_SORTS).tolist()


def test_heads_that_always_code_the_same_are_one_group_apart_from_others():
    shares = np.column_stack([TWO_SORTS, np.ones(4), np.ones(4)])
    labels = head_groups(shares)
    assert labels[4] == labels[5]
    assert labels[4] not in labels[:4]


@pytest.mark.parametrize(
    ("shares", "expected"),
    [
        (np.zeros((3, 2)), [NO_GROUP, NO_GROUP]),
        (np.array([[1.0, 0.0], [0.5, 0.0]]), [0, NO_GROUP]),
        (np.array([[1.0, 0.9], [0.5, 0.4]]), [0, 0]),
        (np.array([[1.0, 0.4], [0.5, 0.9]]), [0, 1]),
        (np.ones((2, 3)), [0, 0, 0]),
    ],
    ids=["none", "one", "two alike", "two opposed", "all alike"],
)
def test_few_heads_are_grouped_by_whether_they_agree(shares: np.ndarray, expected: list[int]):
    assert head_groups(shares).tolist() == expected


def test_no_more_than_twenty_groups_are_made_of_heads_that_agree_by_chance():
    shares = np.random.default_rng(0).random((40, 60))
    labels = head_groups(shares)
    assert labels.min() == 0
    assert labels.max() < 20
