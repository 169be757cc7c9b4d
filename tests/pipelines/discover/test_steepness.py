"""A circuit on a steep part of the curve over sizes says so, and names the picture."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipelines.discover.steepness import steep_in_words, steep_sizes
from pipelines.discover.table import _chosen_by
from tests.pipelines.discover.test_monotone import variants

Command = Callable[..., Any]
TRIED = [[8, 0.21], [12, 0.65], [15, 0.71], [16, 1.16], [20, 1.36], [32, 2.47]]


def summary_of(tried: list[list[float]], size: int | None, *, of: str = "edges", **more: Any) -> dict[str, Any]:
    signed = {"ranking": "signed", "searches": [{"of": of, "size": size, "tried": tried}], "faithfulness": 1.16}
    failed = {"of": "edges", "size": None, "tried": [[1, 0.0], [8, 0.13], [15, 0.1]]}
    absolute = {"ranking": "absolute", "searches": [failed], "faithfulness": 0.13, "n_edges": 8}
    choice = {"ranking": "signed", "choices": [absolute, signed], "n_runs": 8}
    return {"choice": choice, "circuit": {"selection": {"name": "grown"}}, **more}


@pytest.mark.parametrize(
    ("tried", "size", "expected"),
    [
        (TRIED, 16, [(12, 0.65), (15, 0.71), (16, 1.16), (20, 1.36)]),
        ([[8, 0.58], [12, 0.81], [13, 0.88], [16, 0.97], [26, 1.75]], 13, []),
        ([[2, 0.0], [3, 0.2], [4, 0.9]], 4, [(3, 0.2), (4, 0.9)]),
        ([[1, 0.0], [2, 0.9], [4, 2.0]], 2, []),
        (TRIED, None, []),
    ],
)
def test_sizes_within_a_quarter_that_differ_by_more_than_the_bound_are_steep(tried, size, expected):
    assert steep_sizes(summary_of(tried, size)) == expected


def test_what_was_not_searched_or_was_minimized_is_not_steep():
    assert steep_sizes(summary_of(TRIED, 16, minimal={})) == []
    given = summary_of(TRIED, 16)
    given["choice"]["choices"][1]["searches"] = []
    assert steep_sizes(given) == []


def test_the_words_count_as_the_search_does():
    words = "12 {of} keep 0.65, 15 0.71, 16 1.16, 20 1.36 on the prompts that choose: a steep curve, see sizes.svg"
    for of in ("edges", "components"):
        assert steep_in_words(summary_of(TRIED, 16, of=of)) == words.format(of=of)


def test_a_ranking_of_which_no_size_reaches_the_bound_says_so_and_sizes_are_told_from_circuits():
    said = _chosen_by(summary_of(TRIED, 16), 0.85)
    assert said == (
        "grown, by signed score (6 sizes tried; by magnitude, none of 3 sizes up to 15 edges reaches 0.85); "
        "8 different circuits were run"
    )


def test_the_picture_that_is_named_is_there(circuits: Command, tiny: Any):
    asked = ("discover", variants(tiny, 3), "--model", str(tiny.model), "--ranking", "signed")
    summary, shown = circuits(*asked, "--json").json, circuits(*asked).stdout
    words = steep_in_words(summary)
    assert words is not None
    assert "near this size" in shown
    assert (Path("runs") / summary["run"] / "sizes.svg").exists()
