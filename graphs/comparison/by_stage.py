"""Heads that two searches by path patching found in the same stage.

Two counts, which differ where a head is kept by several stages: over the stages, a head counted once in each, as in
Merullo et al. ("25/32" fits 8 heads in each of 4 stages); and in the union of the stages, each head once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Row = dict[str, Any]


def stage_overlap(a: str, of_a: Mapping[str, Any], b: str, of_b: Mapping[str, Any]) -> Row:
    """What the heads of two searches have in common, by the stages that both have.

    a, b        what they are called
    of_a, of_b  what they found, as the summary of a run has it under `path_stages`
    """
    by_name = {row["finds"]: row for row in of_b["stages"]}
    stages = [_of_stage(row, by_name[row["finds"]]) for row in of_a["stages"] if row["finds"] in by_name]
    over = {name: sum(row[name] for row in stages) for name in ("n_a", "n_b", "n_shared")}
    union = {name: {head for row in stages for head in row[name]} for name in ("heads_a", "heads_b")}
    shared = union["heads_a"] & union["heads_b"]
    counts = {"n_a": len(union["heads_a"]), "n_b": len(union["heads_b"]), "n_shared": len(shared)}
    return {
        "a": a,
        "b": b,
        "stages": stages,
        "over_stages": {**over, "iou": _iou(**over)},
        "union": {**counts, "iou": _iou(**counts), "shared": [head for head in of_a["union"] if head in shared]},
        "warnings": [*_warnings(a, b, stages), *_kept_otherwise(of_a, of_b)],
    }


def _of_stage(a: Mapping[str, Any], b: Mapping[str, Any]) -> Row:
    """expected: how many are shared by chance, of heads drawn from those that both stages measured."""
    heads = [[entry["head"] for entry in row["heads"]] for row in (a, b)]
    shared = [head for head in heads[0] if head in heads[1]]
    n_measured = min(a["n_measured"], b["n_measured"])
    counts = {"n_a": len(heads[0]), "n_b": len(heads[1]), "n_shared": len(shared)}
    return {
        "stage": a["finds"],
        **counts,
        "iou": _iou(**counts),
        "expected": counts["n_a"] * counts["n_b"] / n_measured if n_measured else None,
        "shared": shared,
        "heads_a": heads[0],
        "heads_b": heads[1],
        "through_a": _through(a),
        "through_b": _through(b),
    }


def _through(row: Mapping[str, Any]) -> str:
    """The inputs by which a stage went."""
    if row["through"] is None:
        return ", ".join(row["asked"])
    return ", ".join(dict.fromkeys(f"{name.rpartition('.')[0]}.{row['through']}" for name in row["asked"]))


def _iou(*, n_a: int, n_b: int, n_shared: int) -> float | None:
    return n_shared / (n_a + n_b - n_shared) if n_a + n_b else None


def _warnings(a: str, b: str, stages: Sequence[Row]) -> list[str]:
    return [
        f"stage {row['stage']} went by {row['through_a']} in {a} and by {row['through_b']} in {b}: its heads are not "
        "of one kind."
        for row in stages
        if row["through_a"] != row["through_b"]
    ]


def _kept_otherwise(a: Mapping[str, Any], b: Mapping[str, Any]) -> list[str]:
    if a["kept_by"] == b["kept_by"]:
        return []
    return [f"heads were kept by different rules: {a['kept_by']}; {b['kept_by']}."]
