"""All heads of a model by what they score, as a pandas frame."""

from __future__ import annotations

from typing import TYPE_CHECKING

from circuits.components import Component
from circuits.scores import ALL_POSITIONS, NOT_RECORDED, ComponentScores, EdgeScores
from graphs.circuit_graph import CircuitGraph
from graphs.comparison.head_scores import is_of_components
from graphs.node_sums import OUTGOING, EdgeSum, edge_sums

if TYPE_CHECKING:
    import pandas as pd

# A frame that is wider than its terminal is shown without its middle.
_COLUMNS = [
    *("head", "score", "low", "high"),
    *("position", "measured_by", "score_is", "layer", "index"),
    *("in_circuit", "role"),
]


def head_frame(circuit: CircuitGraph, scores: EdgeScores, node_scores: ComponentScores | None) -> pd.DataFrame:
    """A row per head, and where components were scored at several positions per head and position."""
    own = node_scores if node_scores is not None and is_of_components(scores, node_scores) else None
    frame = _sums(scores) if own is None else _own(own)
    roles = {node.name: node.role for node in circuit.nodes}
    frame["in_circuit"] = [name in roles for name in frame["head"]]
    frame["role"] = [roles.get(name) for name in frame["head"]]
    order = (-frame["score"].abs()).argsort(kind="stable")
    return frame[_COLUMNS].iloc[order].reset_index(drop=True)


def _own(scores: ComponentScores) -> pd.DataFrame:
    frame = scores.to_frame()
    return frame.loc[frame["kind"] == "head"].copy()


def _sums(scores: EdgeScores) -> pd.DataFrame:
    import pandas as pd

    heads = [part for part in scores.wiring.writers if scores.wiring.is_head(part)]
    sums = edge_sums(scores, heads)
    return pd.DataFrame([_of_sum(part, sums, scores) for part in heads])


def _of_sum(part: Component, sums: dict[Component, tuple[EdgeSum, ...]], scores: EdgeScores) -> dict[str, object]:
    origin = scores.provenance
    own = next((one for one in sums[part] if one.name == OUTGOING), None)
    known = own is not None
    are = origin.scores_are or NOT_RECORDED
    return {
        "head": str(part),
        "layer": part.layer,
        "index": part.index,
        "position": ALL_POSITIONS,
        "score": own.score if known else None,
        "low": own.low if known else None,
        "high": own.high if known else None,
        "measured_by": origin.method if known else None,
        "score_is": f"{are}, summed over all {OUTGOING} edges" if known else "not measured",
    }
