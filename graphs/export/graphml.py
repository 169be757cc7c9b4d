"""GraphML: for Gephi, yEd, Cytoscape and networkx. A circuit read back is the same."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar
from xml.etree.ElementTree import ParseError

from circuits.scores import Scores
from graphs.circuit_graph import CircuitGraph
from graphs.comparison.comparison import Comparison
from graphs.export.about import MARK, about_text
from graphs.export.base import ReadableExport
from graphs.export.flatten import flatten, unflatten
from graphs.export.looks import BOX_HEIGHT, BOX_WIDTH
from graphs.export.xml_text import xml_text
from graphs.figures.page import ink_on, rgb
from graphs.figures.palette import GRAY

if TYPE_CHECKING:
    import networkx as nx

_HEAD = """<?xml version='1.0' encoding='utf-8'?>
<graphml xmlns="http://graphml.graphdrawing.org/xmlns" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" \
xmlns:y="http://www.yworks.com/xml/graphml" \
xsi:schemaLocation="http://graphml.graphdrawing.org/xmlns http://graphml.graphdrawing.org/xmlns/1.0/graphml.xsd">
  <key id="node" for="node" yfiles.type="nodegraphics" />
  <key id="edge" for="edge" yfiles.type="edgegraphics" />
"""
_UNITS = 72  # of yEd, per inch
_TYPES = {str: "string", bool: "boolean", int: "long", float: "double"}
Keys = Mapping[tuple[str, str], tuple[str, type]]  # (graph, node or edge; name) -> id and type


class GraphmlExport(ReadableExport):
    """Node and edge attributes as typed keys, and shapes for yEd; what was not measured has no attribute.

    Comparisons are not read back.

    Written line by line: networkx builds a tree of all elements first, which takes far more memory.
    """

    name: ClassVar[str] = "graphml"
    summary: ClassVar[str] = "for Gephi, yEd, Cytoscape and networkx, with positions and colors"
    extension: ClassVar[str] = "graphml"
    also: ClassVar[tuple[str, ...]] = ("xml",)

    def to_bytes(
        self, subject: CircuitGraph | Comparison, *, scores: Sequence[Scores] = (), command: str | None = None
    ) -> bytes:
        flat = flatten(subject, command)
        flat.graph["about"] = f"{MARK}: {about_text(subject, command)}"
        stream = io.BytesIO()
        for line in _lines(flat):
            stream.write(line.encode())
        return stream.getvalue()

    def from_bytes(self, data: bytes, *, source: str = "data") -> CircuitGraph:
        from networkx import NetworkXError, read_graphml

        try:
            flat = read_graphml(io.BytesIO(data), force_multigraph=True)
        except (ParseError, NetworkXError) as error:
            raise ValueError(f"{source}: not GraphML, or cut short ({error}). Export it again.") from None
        return unflatten(flat, source=source)


def _lines(flat: nx.MultiDiGraph) -> Iterator[str]:
    keys = _keys(flat)
    yield _HEAD
    for (scope, name), (key, kind) in keys.items():
        yield f'  <key id="{key}" for="{scope}" attr.name="{xml_text(name)}" attr.type="{_TYPES[kind]}" />\n'
    yield '  <graph edgedefault="directed">\n'
    yield from _data(keys, "graph", flat.graph, "    ")
    for name, data in flat.nodes(data=True):
        yield f'    <node id="{xml_text(name)}">\n'
        yield f'      <data key="node">{_node_graphics(name, data)}</data>\n'
        yield from _data(keys, "node", data, "      ")
        yield "    </node>\n"
    for source, target, name, data in flat.edges(keys=True, data=True):
        yield f'    <edge source="{xml_text(source)}" target="{xml_text(target)}" id="{xml_text(name)}">\n'
        yield f'      <data key="edge">{_edge_graphics(data)}</data>\n'
        yield from _data(keys, "edge", data, "      ")
        yield "    </edge>\n"
    yield "  </graph>\n</graphml>\n"


def _keys(flat: nx.MultiDiGraph) -> Keys:
    """What every attribute is called in the file, in the order in which they first come; whole numbers among others
    make a key of floats."""
    scopes: dict[str, Iterable[Mapping[str, Any]]] = {
        "graph": [flat.graph],
        "node": (data for _, data in flat.nodes(data=True)),
        "edge": (data for *_, data in flat.edges(data=True)),
    }
    kinds: dict[tuple[str, str], type] = {}
    for scope, every in scopes.items():
        for data in every:
            for name, value in data.items():
                known = kinds.setdefault((scope, name), type(value))
                if known is int and type(value) is float:
                    kinds[scope, name] = float
    return {entry: (f"d{number}", kind) for number, (entry, kind) in enumerate(kinds.items())}


def _data(keys: Keys, scope: str, data: Mapping[str, Any], indent: str) -> Iterator[str]:
    for name, value in data.items():
        key, kind = keys[scope, name]
        yield f'{indent}<data key="{key}">{_text(kind(value))}</data>\n'


def _node_graphics(name: str, data: Mapping[str, Any]) -> str:
    """How yEd draws a node: its y grows downwards, and a box is placed by its corner."""
    width, height = _UNITS * BOX_WIDTH, _UNITS * BOX_HEIGHT
    x, y = _UNITS * data["x"] - width / 2, -_UNITS * data["y"] - height / 2
    return (
        f'<y:ShapeNode><y:Geometry x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" />'
        f'<y:Fill color="{data["color"]}" transparent="false" />'
        f'<y:NodeLabel textColor="{ink_on(rgb(data["color"]))}" fontSize="8">{xml_text(name)}</y:NodeLabel>'
        '<y:Shape type="roundrectangle" /></y:ShapeNode>'
    )


def _edge_graphics(data: Mapping[str, Any]) -> str:
    """How yEd draws an edge; one from a key-value head to a head that it serves is thin and gray."""
    color, width = data.get("color", GRAY), data.get("width", 0.5)
    return (
        f'<y:PolyLineEdge><y:LineStyle color="{color}" type="line" width="{width}" />'
        '<y:Arrows source="none" target="standard" /></y:PolyLineEdge>'
    )


def _text(value: str | float | int | bool) -> str:
    if isinstance(value, str):
        return xml_text(value)
    return str(value).lower() if isinstance(value, bool) else repr(value)
