"""Known circuits, and how well scores rank their edges and components first (area under the ROC curve)."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from circuits.arrays import Bools
from circuits.components import LOGITS, Component, Edge, Wiring
from circuits.files import read_bytes
from circuits.mib_file import MibCircuit, is_mib_file, read_mib
from circuits.numbers import count_text
from circuits.strict_json import parse_strictly

_EDGE_KEYS = ("edges_that_matter", "edges")
_SHOWN = 60  # characters of a value that is wrong


@dataclass(frozen=True)
class KnownCircuit:
    """A circuit that is taken as ground truth.

    edges   its edges; None where they are not known
    nodes   its heads and MLPs
    kinds   the kinds of component for which it says what is in and what is not
    wiring  of the model it belongs to; None where any model that has these names will do
    """

    name: str
    edges: tuple[Edge, ...] | None
    nodes: tuple[Component, ...]
    kinds: tuple[str, ...] = ("head", "mlp")
    wiring: Wiring | None = None

    def check(self, wiring: Wiring) -> None:
        """Raise a ValueError where a model wired like this cannot be compared with the known circuit."""
        if self.wiring is not None and self.wiring != wiring:
            raise ValueError(
                f"the known circuit {self.name!r} belongs to a model of {self.wiring.shape}; this one has "
                f"{wiring.shape}.{_of_groups(self.wiring, wiring)}"
            )
        if self.edges is not None:
            self.edge_mask(wiring)
        self.node_mask(wiring)

    def check_heads(self, n_layers: int, n_heads: int) -> None:
        """Raise a ValueError where the heads of a model of this shape cannot be ranked against the known circuit.

        What can be checked before the model's wiring is known; `check` does the rest.
        """
        heads = {node for node in self.nodes if node.is_head}
        shape = f"{count_text(n_layers, 'layer')} of {count_text(n_heads, 'head')}"
        if "head" not in self.kinds or not heads:
            raise ValueError(f"the known circuit {self.name!r} lists no heads: a ranking of heads needs some.")
        if self.wiring is not None and (self.wiring.n_layers, self.wiring.n_heads) != (n_layers, n_heads):
            raise ValueError(
                f"the known circuit {self.name!r} belongs to a model of {self.wiring.shape}; this one has {shape}."
            )
        for part in heads:
            if (part.layer or 0) >= n_layers or (part.index or 0) >= n_heads:
                raise ValueError(f"the known circuit {self.name!r} has {part}: this model has {shape}.")
        if len(heads) == n_layers * n_heads:
            raise ValueError(
                f"the known circuit {self.name!r} has all {len(heads)} heads: a ranking needs some outside of it."
            )

    def edge_mask(self, wiring: Wiring) -> Bools:
        """[edge] whether each possible edge is in the known circuit."""
        if self.edges is None:
            raise ValueError(
                f"the known circuit {self.name!r} lists components only: no edges can be compared with it."
            )
        mask = np.zeros(wiring.n_edges, dtype=np.bool_)
        for edge in self.edges:
            mask[self._number(lambda edge=edge: wiring.edge_index(edge), str(edge))] = True
        return require_both(mask, f"the known circuit {self.name!r}", "edges")

    def node_mask(self, wiring: Wiring) -> Bools:
        """[writer] whether each writer is in the known circuit."""
        mask = np.zeros(len(wiring.writers), dtype=np.bool_)
        for node in self.nodes:
            mask[self._number(lambda node=node: wiring.writer_index(node), str(node))] = True
        return mask

    def _number(self, find: Any, part: str) -> int:
        try:
            return find()
        except ValueError as error:
            raise ValueError(f"the known circuit {self.name!r} has {part}: {error}") from None


def read_known(path: Path) -> KnownCircuit:
    """The known circuit in a JSON file: `edges_that_matter` or `edges`, names of edges; and optionally `nodes`.

    Without `nodes`, its components are the ends of its edges. Files of EAP-IG and MIB are read too, as the edges that
    are in their circuit.
    """
    try:
        data = read_bytes(path)
        if is_mib_file(data):
            return _of_mib(read_mib(path), path.stem)
        record = parse_strictly(data)
    except (OSError, ValueError) as error:
        raise ValueError(f"cannot read the known circuit {path}: {error}") from None
    key = next((key for key in _EDGE_KEYS if isinstance(record, Mapping) and key in record), None)
    if key is None:
        raise ValueError(
            f"{path} holds no known circuit: expected a JSON object with a list {' or '.join(_EDGE_KEYS)}."
        )
    try:
        edges = tuple(Edge.parse(name) for name in _names(record[key], key))
        nodes = [Component.parse(name) for name in _names(record.get("nodes", []), "nodes")]
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    listed = (node for node in nodes if node.is_node) if nodes else _nodes_at(edges)
    return KnownCircuit(path.stem, edges, tuple(listed))


def _of_mib(circuit: MibCircuit, name: str) -> KnownCircuit:
    circuit.require_edges()
    edges = tuple(circuit.wiring.edges[number] for number in np.flatnonzero(circuit.in_circuit))
    return KnownCircuit(name, edges, tuple(_nodes_at(edges)), wiring=circuit.wiring)


def _nodes_at(edges: Iterable[Edge]) -> Iterator[Component]:
    """The heads and MLPs at the ends of edges, each once."""
    ends = dict.fromkeys(itertools.chain.from_iterable((edge.source, edge.target) for edge in edges))
    return (node for node in ends if node.is_node)


def _of_groups(known: Wiring, wiring: Wiring) -> str:
    """What to do where the two differ in whether heads share keys and values, and in nothing else."""
    if known.ungrouped != wiring.ungrouped:
        return ""
    return " Of a file with keys and values of single heads make a run (--method circuit-file), and give that run."


def _names(names: Any, key: str) -> list[str]:
    wrong = [name for name in names if not isinstance(name, str)] if isinstance(names, list) else [names]
    if wrong:
        shown = f"{key} is" if wrong[0] is names else f"{key} holds"
        found = repr(wrong[0]) if len(repr(wrong[0])) <= _SHOWN else f"{repr(wrong[0])[:_SHOWN]}..."
        raise ValueError(
            f"{shown} {found}; expected a list of names, such as 'a0.h1->m0'. Of a circuit that was discovered, give "
            "the run."
        )
    return names


def served(wiring: Wiring, component: Component) -> list[int]:
    """Indices of the writers that a reader feeds."""
    if component == LOGITS:
        return []
    return [wiring.writer_index(writer) for writer in wiring.writers_fed_by(component)]


def require_both(mask: Bools, whose: str, what: str) -> Bools:
    """The mask, if it has parts inside and outside; otherwise there is nothing to rank."""
    n_in = int(np.count_nonzero(mask))
    if n_in in (0, len(mask)):
        raise ValueError(
            f"{whose} has {n_in} of {len(mask)} {what}: a ranking needs some inside and some outside of it."
        )
    return mask
