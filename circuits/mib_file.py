"""Circuits in the JSON files of EAP-IG and of the MIB benchmark, read and written.

    {"cfg": {"n_layers": 2, "n_heads": 2, "parallel_attn_mlp": false, "d_model": 64},
     "nodes": {"a0.h1": {"in_graph": true, "score": 0.2}, ...},
     "edges": {"input->a0.h1<q>": {"score": 0.1, "in_graph": true}, ...}}

There every head has keys and values of its own. With grouped-query attention an edge into keys or values of a key-value
head stands for those into all heads that it serves: its score is their sum, which is what it does to first order, and
written files give each of these an equal share. Written files have two keys that their readers pass over: in `cfg` the
number of key-value heads, and `"measured": false` at an edge of the circuit that has no score.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from circuits.arrays import Bools, Floats, Numbers
from circuits.components import LOGITS, Component, Edge, Wiring
from circuits.files import read_bytes
from circuits.strict_json import parse_strictly

_KEYS = ("cfg", "nodes", "edges")
_GROUPED = "n_key_value_heads"
_NAMED = 3  # edges that an error names
_MOST_EDGES = 10**8  # of a model whose file is read: more do not fit in memory


@dataclass(frozen=True)
class MibCircuit:
    """What a file says of the edges and nodes of a model.

    source       the file, for errors
    scores       [edge] with the sign that the file has; 0 where it has none
    measured     [edge] whether it has one
    in_circuit   [edge]
    node_scores  of the nodes that have one
    """

    source: str
    wiring: Wiring
    scores: Floats
    measured: Bools
    in_circuit: Bools
    node_scores: Mapping[Component, float]

    def on(self, wiring: Wiring, *, any_of_group: bool = False) -> MibCircuit:
        """The same on a model's own wiring, where heads may share keys and values.

        any_of_group  an edge into a key-value head is in the circuit where one into any of its heads is

        ValueError for a model of another shape, and where heads of a group differ in what is in the circuit, unless
        `any_of_group` says what then counts.
        """
        if wiring == self.wiring:
            return self
        own, other = self.wiring, wiring
        # A file that names no MLP may be of a model with MLPs none of which is listed.
        expected = other if own.has_mlps else replace(other, has_mlps=False)
        if own not in (expected, expected.ungrouped):
            raise ValueError(
                f"{self.source} has {own.shape}; the model has {other.shape}. Give the model that the file is of."
            )
        numbers = np.array([_number_on(wiring, edge) for edge in own.edges])
        sizes = np.bincount(numbers, minlength=wiring.n_edges)
        n_in = np.bincount(numbers[self.in_circuit], minlength=wiring.n_edges)
        if not any_of_group:
            self._require_whole_groups(wiring, np.flatnonzero((n_in > 0) & (n_in < sizes)), numbers)
        return MibCircuit(
            self.source,
            wiring,
            np.bincount(numbers, weights=self.scores, minlength=wiring.n_edges).astype(np.float64),
            (np.bincount(numbers[self.measured], minlength=wiring.n_edges) == sizes) & (sizes > 0),
            n_in > 0,
            self.node_scores,
        )

    def require_edges(self) -> None:
        """Raise a ValueError where the circuit is empty."""
        if not self.in_circuit.any():
            raise ValueError(
                f"{self.source}: none of its {len(self.in_circuit):,} edges is in the circuit (in_graph). Choose a "
                "circuit with the tool that wrote it, or one by its scores: circuits discover --method circuit-file "
                "--set whole=true."
            )

    def _require_whole_groups(self, wiring: Wiring, split: Numbers, numbers: Numbers) -> None:
        if not len(split):
            return
        first = wiring.edges[split[0]]
        members = [self.wiring.edges[number] for number in np.flatnonzero(numbers == split[0])]
        inside = [str(edge) for edge in members if self.in_circuit[self.wiring.edge_index(edge)]]
        raise ValueError(
            f"{self.source} has {', '.join(inside[:_NAMED])} in its circuit and not all of {first}: the model's heads "
            f"share keys and values ({len(split):,} such edges). Take the whole edge where any head has it, with "
            "any_of_group (--set any_of_group=true)."
        )


def is_mib(document: Any) -> bool:
    """Whether a JSON value is such a file."""
    return isinstance(document, Mapping) and all(isinstance(document.get(key), Mapping) for key in _KEYS)


def is_mib_file(data: bytes) -> bool:
    """Whether the bytes of a file are such a circuit; False for what is no JSON."""
    try:
        return is_mib(parse_mib(data))
    except ValueError:
        return False


def parse_mib(data: bytes) -> Any:
    """The JSON value of a file; there NaN says that a node has no score."""
    return parse_strictly(data, constants={"NaN": None})


def read_mib(path: str | Path) -> MibCircuit:
    """The circuit in the file at a path. ValueError, naming it, where it cannot be read or is no such file."""
    try:
        document = parse_mib(read_bytes(Path(path)))
    except (OSError, ValueError) as error:
        raise ValueError(f"cannot read the circuit {path}: {error}") from None
    return mib_circuit(document, source=str(path))


def mib_circuit(document: Any, *, source: str) -> MibCircuit:
    """The circuit in the JSON value of a file. ValueError, naming `source`, for what is no whole one."""
    if not is_mib(document):
        raise ValueError(
            f"{source} is no circuit file of EAP-IG or MIB: expected a JSON object with {', '.join(_KEYS[:-1])} and "
            f"{_KEYS[-1]}, each an object."
        )
    nodes, edges = document["nodes"], document["edges"]
    written, n_kv_heads = _wiring_of(document["cfg"], {*nodes, *_sources(edges)}, source)
    numbers = {str(edge): number for number, edge in enumerate(written.edges)}
    scores = np.zeros(written.n_edges)
    measured, in_circuit = (np.zeros(written.n_edges, dtype=np.bool_) for _ in range(2))
    for name, said in edges.items():
        number = numbers.get(name)
        if number is None:
            raise ValueError(f"{source}, edge {name!r}: {_why_no_edge(name, written)}")
        score = _score_of(said, f"{source}, edge {name!r}")
        measured[number] = _is_measured(said, f"{source}, edge {name!r}") and score is not None
        scores[number] = score if measured[number] else 0.0
        in_circuit[number] = _is_in(said, f"{source}, edge {name!r}")
    circuit = MibCircuit(source, written, scores, measured, in_circuit, dict(_node_scores(nodes, written, source)))
    return circuit.on(replace(written, n_kv_heads=n_kv_heads))


def mib_document(circuit: MibCircuit) -> dict[str, Any]:
    """The JSON value of a circuit; edges that are neither scored nor in the circuit are left out."""
    wiring = circuit.wiring
    if wiring.joins_heads:
        raise ValueError(
            "files of EAP-IG and MIB list single heads, and this circuit has whole layers of attention: give one whose "
            "method scores heads or edges."
        )
    written = wiring.ungrouped
    numbers = np.array([_number_on(wiring, edge) for edge in written.edges])
    shares = 1 / np.bincount(numbers)[numbers]
    present = {LOGITS, *(wiring.edges[number].source for number in np.flatnonzero(circuit.in_circuit))}
    edges = {
        str(edge): {"score": float(circuit.scores[number] * share), "in_graph": bool(circuit.in_circuit[number])}
        | ({} if circuit.measured[number] else {"measured": False})
        for edge, number, share in zip(written.edges, numbers, shares, strict=True)
        if circuit.measured[number] or circuit.in_circuit[number]
    }
    return {
        "cfg": {
            "n_layers": wiring.n_layers,
            "n_heads": wiring.n_heads,
            "parallel_attn_mlp": wiring.is_parallel,
            # Their reader sizes arrays of neurons by it, which such a circuit has none of.
            "d_model": 0,
        }
        | ({_GROUPED: wiring.n_kv_heads} if wiring.is_grouped else {}),
        "nodes": {
            str(part): {"in_graph": part in present}
            | ({"score": score} if (score := circuit.node_scores.get(part)) is not None else {})
            for part in (*wiring.writers, LOGITS)
        },
        "edges": edges,
    }


def _number_on(wiring: Wiring, edge: Edge) -> int:
    """The number of an edge between single heads on a wiring where these may share keys and values."""
    reader = wiring.reader_of(edge.target, edge.port)
    return wiring.edge_offsets[wiring.reader_index(reader)] + wiring.writer_index(edge.source)


def _sources(edges: Mapping[str, Any]) -> Iterator[str]:
    return (name.partition("->")[0] for name in edges)


def _wiring_of(config: Mapping[str, Any], names: set[str], source: str) -> tuple[Wiring, int]:
    """The wiring in which every head has keys and values of its own, and how many key-value heads there are."""

    def count(key: str, default: int | None = None) -> int:
        value = config.get(key, default)
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise ValueError(f"{source}: cfg.{key} is {value!r}, expected a whole number of 1 or more.")
        return value

    n_layers, n_heads = count("n_layers"), count("n_heads")
    is_parallel = config.get("parallel_attn_mlp", False)
    if not isinstance(is_parallel, bool):
        raise ValueError(f"{source}: cfg.parallel_attn_mlp is {is_parallel!r}, expected true or false.")
    n_kv_heads = count(_GROUPED, n_heads)
    if n_heads % n_kv_heads:
        raise ValueError(f"{source}: cfg has {n_heads} heads on {n_kv_heads} key-value heads: not a multiple.")
    n_edges = 3 * (n_layers * n_heads) ** 2 // 2
    if n_edges > _MOST_EDGES:
        raise ValueError(
            f"{source}: cfg has {n_layers:,} layers of {n_heads:,} heads, about {n_edges:.0e} edges; at most "
            f"{_MOST_EDGES:.0e} are read."
        )
    has_mlps = any(name.startswith("m") for name in names)
    return Wiring(n_layers, n_heads, n_heads, is_parallel, has_mlps), n_kv_heads


def _why_no_edge(name: str, wiring: Wiring) -> str:
    """What is wrong with the name of an edge that the model does not have."""
    try:
        edge = Edge.parse(name)
        if edge.target.is_head and edge.port is None:
            return f"it ends in a head without a port. Expected {name}<q>, {name}<k> or {name}<v>."
        if edge.target.is_key_value_head:
            return "these files name no key-value heads, but each head that one serves, such as 'a2.h3<k>'."
        wiring.edge_index(edge)
    except ValueError as error:
        return str(error)
    return f"expected it as {edge}."


def _score_of(said: Any, where: str) -> float | None:
    """The score of an edge or a node; None where it has none."""
    score = said.get("score") if isinstance(said, Mapping) else None
    if score is None:
        return None
    if isinstance(score, bool) or not isinstance(score, int | float) or not math.isfinite(score):
        raise ValueError(f"{where}: its score is {score!r}, expected a number.")
    return float(score)


def _is_in(said: Any, where: str) -> bool:
    is_in = said.get("in_graph") if isinstance(said, Mapping) else said
    if not isinstance(is_in, bool):
        raise ValueError(f"{where}: in_graph is {is_in!r}, expected true or false.")
    return is_in


def _is_measured(said: Any, where: str) -> bool:
    measured = said.get("measured", True) if isinstance(said, Mapping) else True
    if not isinstance(measured, bool):
        raise ValueError(f"{where}: measured is {measured!r}, expected true or false.")
    return measured


def _node_scores(nodes: Mapping[str, Any], wiring: Wiring, source: str) -> Iterator[tuple[Component, float]]:
    """Scores of nodes. ValueError for names that the model does not have, and for circuits of single neurons."""
    known = {str(part): part for part in (*wiring.writers, LOGITS)}
    for name, said in nodes.items():
        where = f"{source}, node {name!r}"
        if name not in known:
            raise ValueError(f"{where}: {wiring.shape} have none of this name. Nodes look like 'a0.h1' or 'm0'.")
        neurons = said.get("neurons") if isinstance(said, Mapping) else None
        if _is_in(said, where) and isinstance(neurons, list) and not all(neurons):
            raise ValueError(
                f"{where} is in the circuit with {sum(map(bool, neurons))} of {len(neurons)} neurons: circuits here "
                "hold whole nodes. Give one that was chosen by edges or by nodes."
            )
        score = _score_of(said, where)
        if score is not None:
            yield known[name], score
