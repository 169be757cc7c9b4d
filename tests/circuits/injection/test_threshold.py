"""A threshold on the logits: by hand, and against trying every one."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from circuits.injection.answers import Answers
from circuits.injection.threshold import choose_threshold, with_threshold, yes_minus_no


def answers(margins: list[float], is_positive: list[bool]) -> Answers:
    """Answers with the given logit of yes minus no; the model itself says yes above 0."""
    positive, yes = np.array(is_positive), np.array(margins, dtype=np.float32)
    right = (yes > 0) == positive
    own = np.where(positive, yes, -yes).astype(np.float32)
    return Answers(own, np.zeros_like(own), np.zeros(len(own), dtype=np.int64), right, ~right)


def test_the_margin_is_that_of_yes_whatever_the_answer():
    model_answers = answers([2, -1, 3], [True, False, False])
    assert yes_minus_no(model_answers, [True, False, False]).tolist() == [2, -1, 3]


def test_the_best_threshold_stands_between_what_is_there_and_what_is_not():
    margin, positive = np.array([3.0, 2.0, 1.0, -1.0]), np.array([True, True, False, False])
    everything = np.ones(4, dtype=bool)
    assert choose_threshold(margin, positive, everything, None) == 1
    shifted = with_threshold(answers(margin.tolist(), positive.tolist()), positive, 1)
    assert shifted.is_answer.all()
    assert not shifted.is_wrong_answer.any()


def test_questions_that_must_not_suffer_hold_the_threshold_back():
    margin, positive = np.array([5.0, 4.0, 3.0, 1.0]), np.array([True, False, False, True])
    judged, guarded = np.array([True, True, True, False]), np.array([False, False, False, True])
    assert choose_threshold(margin, positive, judged, None) == 4
    assert choose_threshold(margin, positive, judged, guarded) == 0
    assert choose_threshold(margin, positive, judged, guarded, max_accuracy_drop=1.0) == 4


@given(st.lists(st.tuples(st.integers(-5, 5), st.booleans()), min_size=2, max_size=12))
def test_no_threshold_does_better_and_the_nearest_to_the_models_own_is_taken(cases: list[tuple[int, bool]]):
    margin, positive = np.array([c[0] for c in cases], dtype=float), np.array([c[1] for c in cases])
    threshold = choose_threshold(margin, positive, np.ones(len(cases), dtype=bool), None)
    n_right = {t: int(((margin > t) == positive).sum()) for t in np.arange(-6, 6)}
    own = int(((margin > threshold) == positive).sum())
    assert own == max(n_right[t] for t in {*margin, 0.0})
    assert all(abs(t) >= abs(threshold) for t in {*margin, 0.0} if n_right[t] == own)
