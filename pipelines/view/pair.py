"""Two circuits in numbers: what both have, what either has alone, and what each does on the other's task."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from circuits.strict_json import parse_strictly
from pipelines.reporting.tables import brackets
from pipelines.runs.about_file import sealed_bytes
from pipelines.runs.run import open_run
from pipelines.runs.shell_text import shell_line
from pipelines.runs.state import SUMMARY

if TYPE_CHECKING:
    from graphs import Comparison

_MEMBERSHIPS = ("shared", "only_a", "only_b")


class Pair(NamedTuple):
    """Two circuits of the folder, compared.

    command   compares them, and runs each on the other's task where both are circuits that can be run
    transfer  circuit, task, faithfulness and interval in words, of every combination; empty where none was run
    """

    comparison: Comparison
    command: str
    transfer: list[dict[str, str]]

    def facts(self) -> dict[str, Any]:
        """The numbers as plain values. Levels and nodes are called as `circuits compare` does: where one of two is a
        trace, the attention of a layer is one part, and edges between such parts are no edges of it."""
        from graphs.comparison.level import level_in_words

        a, b = self.comparison.a, self.comparison.b
        joins_heads, counted = a.wiring.joins_heads, a.wiring.node_kinds
        levels = self.comparison.reuse.summary()["levels"]
        if joins_heads:
            del levels["edges"]
        # The same nodes as are counted above: `input` and `logits` are in every circuit.
        parts = {node.name for node in (*a.nodes, *b.nodes) if node.component.kind in counted}
        nodes = {name: member for name, member in self.comparison.node_membership().items() if name in parts}
        return {
            "labels": list(self.comparison.labels),
            "levels": {level_in_words(name, joins_heads=joins_heads): _level(of) for name, of in levels.items()},
            "nodes": {of: [name for name, member in nodes.items() if member == of] for of in _MEMBERSHIPS},
            "nodes_are": level_in_words("nodes", joins_heads=joins_heads),
            "transfer": self.transfer,
            "command": self.command,
            # Layers of a trace are no circuit that could be run.
            "runs_circuits": not joins_heads,
        }


def compared(first: Path, second: Path) -> Pair:
    """Two runs compared by what they stored; ValueError where their circuits cannot be. No model runs."""
    from graphs import compare
    from graphs.comparison.common_parts import in_common_parts

    a, b = in_common_parts([open_run(folder).circuit for folder in (first, second)])
    return Pair(compare(a, b), compare_command(first, second), [])


def stored(folder: Path, comparison: Comparison, first: Path, second: Path) -> Pair:
    """A comparison that `circuits compare` has left, with the transfer that it measured."""
    summary = parse_strictly(sealed_bytes(folder / SUMMARY))
    return Pair(comparison, compare_command(first, second), _transfer(summary))


def compare_command(first: Path, second: Path) -> str:
    """The command that compares two runs of a folder."""
    return shell_line(["circuits", "compare", first.name, second.name, "--runs", str(first.parent)])


def _level(level: Mapping[str, Any]) -> dict[str, Any]:
    return {name: level[name] for name in ("n_a", "n_b", "n_shared", "iou")}


def _transfer(summary: Any) -> list[dict[str, str]]:
    transfer = summary.get("transfer") if isinstance(summary, Mapping) else None
    if not isinstance(transfer, Mapping):
        return []
    return [
        {
            "circuit": str(row["circuit"]),
            "task": str(row["task"]),
            "faithfulness": "not defined"
            if row["faithfulness"] is None
            else f"{row['faithfulness']:.2f} {brackets(row['interval'], '.2f')}",
        }
        for row in transfer["matrix"]
    ]
