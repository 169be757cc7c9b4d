"""Whether a circuit lies where faithfulness depends much on how many edges are taken."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# Sizes as near as a quarter of that of the circuit whose faithfulness differs by more than this are a steep curve.
STEEP = 0.3
_NEAR = 0.25


def steep_sizes(summary: Mapping[str, Any]) -> list[tuple[int, float]]:
    """Size and faithfulness of the circuit and of the sizes next to it, where these differ by more than `STEEP`.

    In edges or components as its search counts, on the prompts that choose; empty where the curve is not steep, and
    where no size was found.
    """
    choice = summary["choice"]
    (best,) = (entry for entry in choice["choices"] if entry["ranking"] == choice["ranking"])
    if "minimal" in summary or not best["searches"] or best["searches"][-1]["size"] is None:
        return []
    search = best["searches"][-1]
    size = search["size"]
    near = [(n, share) for n, share in search["tried"] if abs(n - size) <= _NEAR * size]
    shares = [share for _, share in near]
    if max(shares) - min(shares) <= STEEP:
        return []
    at = [n for n, _ in near].index(size)
    return list(dict.fromkeys((near[0], near[max(at - 1, 0)], near[at], near[-1])))


def steep_in_words(summary: Mapping[str, Any]) -> str | None:
    """One line for tables; None where the curve is not steep."""
    if not (points := steep_sizes(summary)):
        return None
    choice = summary["choice"]
    (of,) = (entry["searches"][-1]["of"] for entry in choice["choices"] if entry["ranking"] == choice["ranking"])
    (first, share), *others = points
    rest = "".join(f", {n:,} {share:z.2f}" for n, share in others)
    return f"{first:,} {of} keep {share:z.2f}{rest} on the prompts that choose: a steep curve, see sizes.svg"
