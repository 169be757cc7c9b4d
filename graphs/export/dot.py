"""DOT: for Graphviz. Nodes stand where the drawing has them (`neato -n2`), or where `dot` puts them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from circuits.scores import Scores
from graphs.circuit_graph import CircuitGraph
from graphs.comparison.comparison import Comparison
from graphs.export.about import MARK, about_text
from graphs.export.base import Export
from graphs.export.flatten import flatten
from graphs.figures.page import ink_on, rgb

_POINTS = 72  # per inch: the unit of positions in DOT


class DotExport(Export):
    """Every attribute of a node or an edge by its name, and Graphviz's own for position, color and width of line."""

    name: ClassVar[str] = "dot"
    summary: ClassVar[str] = "for Graphviz, with positions and colors"
    extension: ClassVar[str] = "dot"
    also: ClassVar[tuple[str, ...]] = ("gv",)

    def to_bytes(
        self, subject: CircuitGraph | Comparison, *, scores: Sequence[Scores] = (), command: str | None = None
    ) -> bytes:
        flat = flatten(subject, command)
        said = f"// {MARK}: {about_text(subject, command)}\n"
        lines = [said, "digraph circuit {\n", "  rankdir=BT; node [shape=box];\n"]
        lines += [f"  {_text(name)} [{_attributes(_of_node(data))}];\n" for name, data in flat.nodes(data=True)]
        lines += [
            f"  {_text(a)} -> {_text(b)} [{_attributes(_of_edge(data))}];\n" for a, b, data in flat.edges(data=True)
        ]
        return "".join([*lines, "}\n"]).encode()


def _of_node(data: Mapping[str, Any]) -> dict[str, Any]:
    own = {key: value for key, value in data.items() if key not in ("x", "y", "color")}
    place = f"{_POINTS * data['x']:.1f},{_POINTS * data['y']:.1f}!"
    return own | {"pos": place, "style": "filled", "fillcolor": data["color"], "fontcolor": ink_on(rgb(data["color"]))}


def _of_edge(data: Mapping[str, Any]) -> dict[str, Any]:
    return {"penwidth" if key == "width" else key: value for key, value in data.items()}


def _attributes(data: Mapping[str, Any]) -> str:
    return ", ".join(f"{_text(key)}={_text(value)}" for key, value in data.items())


def _text(value: Any) -> str:
    """A quoted string of DOT: only quotes and backslashes are escaped, and a line ends as its escape."""
    text = value if isinstance(value, str) else json.dumps(value)
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\r", "") + '"'
