"""How far attention goes, and how much tokens get of those behind them, on patterns worked out by hand."""

from __future__ import annotations

import pytest
import torch

from circuits.profiles import Distance, Distances, LaterAttention
from tests.circuits.profiles.by_hand import by_place, seen

ROWS = [[1, 0, 0, 0], [1, 0, 0, 0], [0.5, 0.5, 0, 0], [0.25, 0.25, 0.25, 0.25]]


def test_the_shares_at_all_distances_add_up():
    profile = Distances(window=2)
    shares = by_place(profile, seen(ROWS, profile))
    assert shares == {"0": 1.25 / 4, "1": 1.75 / 4, "more": 1 / 4}


@pytest.mark.parametrize("window", [1, 3, 30])
def test_shares_times_their_distance_are_the_mean_distance(window: int):
    pattern = torch.rand(12, 12, generator=torch.Generator().manual_seed(0)).tril()
    pattern /= pattern.sum(-1, keepdim=True)
    profile = Distances(window=window)
    of = seen(pattern, profile)
    shares = list(by_place(profile, of).values())
    assert sum(shares) == pytest.approx(1)  # pyright: ignore[reportArgumentType,reportCallIssue]
    mean = sum(back * share for back, share in enumerate(shares) if share)
    assert mean == pytest.approx(float(Distance(window=window).read(of).values), rel=1e-5)


def test_tokens_are_attended_to_from_behind():
    profile = LaterAttention()
    found = by_place(profile, seen(ROWS, profile, A=(0,), B=(1, 2)))
    first, second, third = (1 + 0.5 + 0.25) / 3, (0.5 + 0.25) / 2, 0.25
    # The last token, END, has none behind it.
    assert found == {
        "all": pytest.approx((first + second + third) / 3),
        "END": None,
        "A": pytest.approx(first),
        "B": pytest.approx((second + third) / 2),
    }
    near = LaterAttention(farthest=1)
    found = by_place(near, seen(ROWS, near, A=(0,)))
    assert (found["A"], found["all"]) == (1, pytest.approx((1 + 0.5 + 0.25) / 3))
    far = LaterAttention(nearest=3, farthest=3)
    found = by_place(far, seen(ROWS, far, A=(0,), B=(1,)))
    assert (found["A"], found["B"], found["all"]) == (0.25, None, 0.25)


def test_settings_without_sense_are_refused():
    with pytest.raises(ValueError, match="window=0 holds no token"):
        Distances(window=0)
    with pytest.raises(ValueError, match="nearest=5, farthest=2"):
        LaterAttention(nearest=5, farthest=2)
