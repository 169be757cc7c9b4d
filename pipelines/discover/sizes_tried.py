"""The sizes that were tried to choose a circuit, of a run's stored choice.

Those of a search for a size stand with the ranking that it searched. Where a size was asked for that is not faithful,
larger ones are tried, of the ranking that was taken, to say which would do.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def all_searches(choice: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    """Ranking and search, of all searches that were made."""
    searched = [(entry["ranking"], search) for entry in choice["choices"] for search in entry["searches"]]
    larger = larger_sizes(choice)
    return searched if larger is None else [*searched, (choice["ranking"], larger)]


def taken_searches(choice: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The searches of the ranking that was taken."""
    return [search for ranking, search in all_searches(choice) if ranking == choice["ranking"]]


def larger_sizes(choice: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The size that was asked for and larger ones, as a search; None where none were tried, or where the run is of a
    version that did not keep them."""
    return choice.get("larger_sizes")


def lost_sizes(choice: Mapping[str, Any]) -> str | None:
    """That larger sizes were tried and are not kept, in words; None where nothing is missing."""
    if "larger_sizes" in choice:
        return None
    if (would_do := choice["would_do"]) is not None:
        told = f"of which {would_do:,} edges would do"
    elif choice["n_runs"] > _n_kept(choice):
        told = "none of which would do"
    else:
        return None
    return (
        f"larger sizes were tried, {told}, but an earlier version did not keep them: the same command does now, under "
        "another --name where it gives one"
    )


def _n_kept(choice: Mapping[str, Any]) -> int:
    """How many circuits the choice of each ranking and its searches are of, at most."""
    return sum(1 + sum(len(search["tried"]) for search in entry["searches"]) for entry in choice["choices"])
