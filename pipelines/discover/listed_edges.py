"""Edges of a run as plain values: those asked for by name, and the strongest that are not in the circuit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from circuits.arrays import Bools, Numbers
from circuits.scores import EdgeScores
from pipelines.reporting.tables import print_line, print_table, value_and_ends

_LEFT_OUT = 4


def named_edges(scores: EdgeScores) -> list[dict[str, Any]]:
    """All edges that were measured, the largest effects of either sign first."""
    return _rows(scores, scores.ranking(absolute=True))


def strongest_left_out(scores: EdgeScores, circuit: Bools) -> list[dict[str, Any]]:
    """The measured edges with the largest scores of either sign that are not in the circuit [edge]."""
    ranking = scores.ranking(absolute=True)
    outside = ranking[~circuit[ranking] & (scores.means[ranking] != 0)]
    return _rows(scores, outside[:_LEFT_OUT])


def only_named_edges(summary: Mapping[str, Any]) -> bool:
    """Whether edges were asked for by name, and no circuit of them, or they make none: then nothing is said of one."""
    is_searched = any(entry["searches"] for entry in summary["choice"]["choices"])
    return "named_edges" in summary and (is_searched or summary["circuit"]["n_edges"] == 0)


def print_named_edges(summary: Mapping[str, Any]) -> None:
    """The edges as a table; nothing where none were asked for by name."""
    if (found := summary.get("named_edges")) is None:
        return
    cells = [[row["edge"], *value_and_ends(row["score"], row["interval"], "+.3f")] for row in found["rows"]]
    print_table("edges asked for", ("edge", "effect", "95 % interval"), cells)
    on = "the prompts" if summary["judged_on"] == "same" else f"the {summary['n_choosing']} prompts that choose"
    print_line(
        f"Effect: what the metric loses where this edge alone is corrupted, {found['scores_are']} on {on}. "
        "+ supports the behavior, - works against it."
    )


def _rows(scores: EdgeScores, numbers: Numbers) -> list[dict[str, Any]]:
    means, interval = scores.means, scores.interval()
    return [
        {
            "edge": str(scores.wiring.edges[number]),
            "score": float(means[number]),
            "interval": interval.item(number).as_json(),
        }
        for number in numbers.tolist()
    ]
