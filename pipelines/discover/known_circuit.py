"""Known circuits: published ones, files, and finished runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from circuits.evaluation.known_circuit import KnownCircuit, read_known
from circuits.evaluation.published import PUBLISHED, published_circuit
from circuits.files import is_file
from circuits.lookup import unknown
from pipelines.runs.run import open_run, path_of

if TYPE_CHECKING:
    from pipelines.runs.run import Run


def known_circuit(truth: KnownCircuit | str | Path | None, out: Path) -> KnownCircuit | None:
    """The known circuit in a file, a published one by name, or that of a run (its folder, or its name within `out`)."""
    if truth is None or isinstance(truth, KnownCircuit):
        return truth
    names = {*PUBLISHED, *(circuit.name for circuit in PUBLISHED.values())}
    if str(truth) in names:
        return published_circuit(str(truth)).known
    path = path_of(truth, "a known circuit")
    if is_file(path):
        return read_known(path)
    if any(is_file(folder / "run.json") for folder in (path, out / path)):
        return circuit_of(open_run(truth, out=out))
    raise ValueError(f"{unknown(str(truth), names, 'published circuit')} It is not a file or a run either.")


def circuit_of(run: Run) -> KnownCircuit:
    """A run's circuit as a known circuit: its edges, if its method chose edges, and its heads and MLPs."""
    scores, graph = run.node_scores, run.circuit
    nodes = tuple(node.component for node in graph.nodes if node.component.is_node)
    if scores is None:
        return KnownCircuit(run.name, tuple(edge.edge for edge in graph.edges), nodes, wiring=graph.wiring)
    # Kinds that were not scored are in the circuit as a whole, which says nothing about them.
    kinds = tuple(kind for kind in ("head", "mlp") if any(part.kind == kind for part in scores.components))
    return KnownCircuit(run.name, None, nodes, kinds, graph.wiring)
