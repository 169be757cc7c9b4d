"""What rules share that choose heads and MLPs first, and then edges among them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from circuits.arrays import Floats
from circuits.components import INPUT, LOGITS, Component
from circuits.masks import endpoints
from circuits.scores import ComponentScores, EdgeScores
from graphs.selection.base import Selection, keep, keep_circuit, strength_of, with_ties
from graphs.selection.growth import grow, size_note
from graphs.selection.position_means import means_at
from graphs.selection.selected import Selected


class Candidates(NamedTuple):
    """The components to choose from, and those of a kind that was not scored at all, which stay in the circuit."""

    components: list[Component]
    strength: Floats  # [component]
    unscored: list[Component]


def candidates_of(
    scores: EdgeScores, node_scores: ComponentScores | None, *, name: str, position: str | None, absolute: bool
) -> Candidates:
    """The heads and MLPs that were scored at a position. ValueError where there are none.

    name  of the rule that chooses among them
    """
    if node_scores is None:
        raise ValueError(
            f"{name} chooses components by their own scores, but got only edge scores. Give `node_scores` from a "
            "component method, or use a rule that chooses edges (grown, greedy, threshold)."
        )
    if node_scores.wiring != scores.wiring:
        raise ValueError(
            f"component scores of {node_scores.wiring}, edge scores of {scores.wiring}: measure both on one model."
        )
    position_means = means_at(node_scores, position)
    usable = [
        number
        for number, component in enumerate(node_scores.components)
        if component.kind in scores.wiring.node_kinds and position_means.measured[number]
    ]
    if not usable:
        kinds = sorted({component.kind for component in node_scores.components})
        raise ValueError(
            f"{name} needs scores of heads or MLPs; these are of {', '.join(kinds) or 'nothing'} at "
            f"{position_means.position!r}. Measure heads and MLPs."
        )
    strength = strength_of(position_means.means[usable], absolute=absolute)
    candidates = [node_scores.components[number] for number in usable]
    scored = {component.kind for component in candidates}
    # Head scores say nothing against the MLPs, and few circuits work without them: as in Wang et al., they are kept.
    unscored = [writer for writer in scores.wiring.writers if writer != INPUT and writer.kind not in scored]
    return Candidates(candidates, strength, unscored)


def keep_among(
    selection: Selection, scores: EdgeScores, chosen: Iterable[Component], *, n_edges: int | None, absolute: bool
) -> Selected:
    """The measured edges that run between the chosen components, `input` and `logits`.

    n_edges  how many of them, on the strongest paths; None: all that lie on a path

    Where no edge was measured at all (a model whose edges cannot be scored), all edges between them stay, unscored.
    """
    wiring, members = scores.wiring, {INPUT, LOGITS, *chosen}
    writes = np.array([writer in members for writer in wiring.writers])
    reads = np.array([bool(members.intersection(wiring.writers_fed_by(reader.component))) for reader in wiring.readers])
    source, target = endpoints(wiring)
    among = writes[source] & reads[target] & (scores.measured | (not scores.measured.any()))
    if n_edges is None or not scores.measured.any():
        selected = keep(selection, scores, np.flatnonzero(among))
    else:
        strength = strength_of(scores.means, absolute=absolute)
        circuit, ties = with_ties(strength, among, lambda order: grow(wiring, order, n_edges))
        selected = keep_circuit(selection, scores, circuit, tied_out=ties, size_note=size_note(circuit, n_edges, among))
    present = {component for edge in selected.edges for component in (edge.source, edge.target)}
    unconnected = {
        str(member): "chosen by its score, but no kept edges connect it to input and logits"
        for member in wiring.writers
        if member in members and member not in present and member != INPUT
    }
    return replace(selected, left_out=unconnected)
