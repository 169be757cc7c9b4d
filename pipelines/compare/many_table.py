"""All circuits of a comparison together, in sentences."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from graphs.comparison.diff_of_many import NO_SCORES
from graphs.figures.task_trees import tree_text
from pipelines.compare.many import OfMany
from pipelines.reporting.p_values import p_shown
from pipelines.reporting.tables import brackets, print_line

_LISTED = 8


def print_many(many: OfMany) -> None:
    """In what the circuits differ, how their tasks cluster, and whether overlap predicts transfer."""
    for kind in ("nodes", "edges"):
        _print_diff(kind, many.rows["diff"][kind])
    for name, tree in many.trees.items():
        print_line(f"clusters by {name} (average linkage, distance): {tree_text(tree)}")
    for name, reason in many.rows["no_clusters"].items():
        print_line(f"clusters by {name}: none, {reason}")
    if (found := many.rows["overlap_predicts_transfer"]) is not None:
        print_line(f"does overlap predict transfer here? {_prediction(found)}")


def membership_text(kind: str, row: Mapping[str, Any]) -> str:
    """How many nodes or edges are in all circuits, in several, and in one alone."""
    only = ", ".join(f"{n:,} only in {name}" for name, n in row["n_only_in"].items())
    several = f", {row['n_in_some']:,} in several" if len(row["n_only_in"]) > 2 else ""
    # Results of earlier versions do not say of which kinds nodes are.
    kinds = f" ({row['kinds']})" if row.get("kinds") else ""
    return f"{kind}: {len(row['shared']):,} of {row['n']:,}{kinds} in all circuits{several}, {only}"


def _print_diff(kind: str, row: Mapping[str, Any]) -> None:
    print_line(membership_text(kind, row))
    pairs = row["pairs"]
    if n_compared := sum(pair["n_compared"] for pair in pairs):
        n_rescored = sum(pair["n_rescored"] for pair in pairs)
        of_pairs = f", over {len(pairs)} pairs" if len(pairs) > 1 else ""
        print_line(
            f"  of {n_compared:,} that two circuits share{of_pairs}: {n_rescored:,} rescored, as shares of the gap, "
            f"beyond the 95 % interval (by chance about {0.05 * n_compared:.0f}); sign flipped: {_flips(pairs)}"
        )
    for reason in dict.fromkeys(entry["reason"] for entry in row["not_compared"]):
        if reason == NO_SCORES and not pairs:
            continue
        n = sum(entry["reason"] == reason for entry in row["not_compared"])
        of_pairs = f" of {n} pairs" if n + len(pairs) > 1 else ""
        print_line(f"  how far scores{of_pairs} differ is not told: {reason}")


def _flips(pairs: Any) -> str:
    named = [
        name if len(pairs) == 1 else f"{name} ({pair['a']}, {pair['b']})" for pair in pairs for name in pair["flipped"]
    ]
    more = f" and {len(named) - _LISTED} more" if len(named) > _LISTED else ""
    return f"{', '.join(named[:_LISTED])}{more}" if named else "none"


def _prediction(found: Mapping[str, Any]) -> str:
    if found["reason"] is not None:
        return f"not tested: {found['reason']}."
    tried = "all" if found["is_exact"] else "at random"
    return (
        f"Spearman's correlation over {found['n_pairs']} ordered pairs {found['correlation']:z.2f} "
        f"{brackets(found['interval'], 'z.2f')} (95 %, prompts resampled, circuits as they are), "
        f"p = {p_shown(found['p_value'])} (Mantel, one-sided, {found['n_relabelings']:,} relabelings, {tried})."
    )
