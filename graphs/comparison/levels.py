"""The levels at which two circuits of one wiring can be compared."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache

import numpy as np

from circuits.arrays import Bools, Floats, Numbers
from circuits.components import LOGITS, Wiring
from circuits.masks import endpoints
from circuits.scores import ALL_POSITIONS, ComponentScores, EdgeScores
from graphs.circuit_graph import CircuitGraph
from graphs.comparison.head_scores import MaybeComponentScores, is_of_components, paired_part_scores
from graphs.comparison.level import Level, Signed

_STAGE = "stage "  # before the name of a stage of path patching


def levels(
    a: CircuitGraph,
    b: CircuitGraph,
    *,
    scores: tuple[EdgeScores, EdgeScores] | None = None,
    node_scores: MaybeComponentScores = (None, None),
    others: Sequence[CircuitGraph] = (),
) -> Iterator[Level]:
    """Heads, nodes (heads and MLPs), edges, and the stages that both runs have.

    `input` and `logits` are in every circuit, and no nodes here.
    """
    wiring = a.wiring
    of_parts = [parts_of(wiring, graph.edge_mask) for graph in (a, b, *others)]
    for name, kinds in (("heads", (wiring.attention_kind,)), ("nodes", wiring.node_kinds)):
        writers = np.flatnonzero([writer.kind in kinds for writer in wiring.writers])
        in_a, in_b, *in_others = (parts[writers] for parts in of_parts)
        yield Level(
            name,
            in_a,
            in_b,
            part_strata(wiring)[writers],
            lambda number, writers=writers: str(wiring.writers[writers[number]]),
            scores=None if scores is None else _signed_parts(scores, node_scores, kinds, writers),
            others=np.stack(in_others) if in_others else None,
        )
    layers, ports = edge_strata(wiring)
    yield Level(
        "edges",
        a.edge_mask,
        b.edge_mask,
        layers,
        _edge_names(wiring).__getitem__,
        ports=ports,
        wiring=wiring,
        scores=None if scores is None else _signed_edges(scores, node_scores),
        others=np.stack([graph.edge_mask for graph in others]) if others else None,
    )
    if None not in node_scores:
        yield from _stages(wiring, node_scores)


def parts_of(wiring: Wiring, circuits: Bools) -> Bools:
    """[..., writer] the heads and MLPs in circuits [..., edge]: those that an edge starts from."""
    flat = circuits.reshape(-1, wiring.n_edges)
    parts = np.zeros((len(flat), len(wiring.writers)), dtype=np.bool_)
    row, edge = np.nonzero(flat)
    parts[row, endpoints(wiring).source[edge]] = True
    return parts.reshape(*circuits.shape[:-1], len(wiring.writers))


def part_strata(wiring: Wiring) -> Numbers:
    """[writer] number of its kind and layer; of the kind alone where heads are joined, so that layers are drawn.

    With one part of a kind in each layer, nothing could be drawn within layers.
    """
    return _numbered([(part.kind, None if wiring.joins_heads else part.layer) for part in wiring.writers])


@lru_cache(maxsize=8)
def edge_strata(wiring: Wiring) -> tuple[Numbers, Numbers]:
    """[edge] number of the layers of its ends; and of the kinds, the layers and the port of its ends."""
    source, target = endpoints(wiring)
    ends = [
        [(part.layer,) for part in wiring.writers],
        [(reader.component.layer, reader.component == LOGITS) for reader in wiring.readers],
        [(part.kind, part.layer) for part in wiring.writers],
        [(reader.port or reader.component.kind, reader.component.layer) for reader in wiring.readers],
    ]
    of_writer, of_reader, of_kind, of_port = map(_numbered, ends)
    return (
        of_writer[source] * (of_reader.max() + 1) + of_reader[target],
        of_kind[source] * (of_port.max() + 1) + of_port[target],
    )


@lru_cache(maxsize=8)
def _edge_names(wiring: Wiring) -> tuple[str, ...]:
    return tuple(map(str, wiring.edges))


def _numbered(strata: Sequence[object]) -> Numbers:
    numbers = {stratum: number for number, stratum in enumerate(dict.fromkeys(strata))}
    return np.array([numbers[stratum] for stratum in strata], dtype=np.int64)


def _signed_parts(
    scores: tuple[EdgeScores, EdgeScores], node_scores: MaybeComponentScores, kinds: tuple[str, ...], writers: Numbers
) -> Signed | None:
    sides = paired_part_scores(scores, node_scores, kinds)
    if sides is None:
        return None
    a, b = sides
    return Signed(a.values[writers], b.values[writers], (a.measured & b.measured)[writers], (a.are, b.are))


def _signed_edges(scores: tuple[EdgeScores, EdgeScores], node_scores: MaybeComponentScores) -> Signed | None:
    """None where a side's method scored components: another one scored its edges."""
    if any(is_of_components(*side) for side in zip(scores, node_scores, strict=True)):
        return None
    a, b = scores
    are = tuple(f"{side.provenance.scores_are or 'recorded'} scores ({side.provenance.method})" for side in scores)
    return Signed(a.means, b.means, a.measured & b.measured, (are[0], are[1]))


def _stages(wiring: Wiring, node_scores: MaybeComponentScores) -> Iterator[Level]:
    """The heads that each stage of path patching passes on, for stages that both runs have."""
    a, b = node_scores
    if a is None or b is None or not (_n_passed(a) and _n_passed(b)) or a.components != b.components:
        return
    strata = part_strata(wiring)[[wiring.writer_index(component) for component in a.components]]
    for position in a.positions:
        if position == ALL_POSITIONS or position not in b.positions:
            continue
        (in_a, means_a, known_a), (in_b, means_b, known_b) = (_passed(side, position) for side in (a, b))
        are = (f"measured effects ({a.provenance.method})", f"measured effects ({b.provenance.method})")
        signed = Signed(means_a, means_b, known_a & known_b, are)
        yield Level(_STAGE + position, in_a, in_b, strata, lambda number: str(a.components[number]), scores=signed)


def _n_passed(node_scores: ComponentScores) -> int:
    """How many heads a stage passes on; 0 where there are no stages."""
    settings = node_scores.provenance.settings
    if not settings.get("stages"):
        return 0
    top = float(settings["top"])
    return max(1, round(top * len(node_scores.components)) if top < 1 else int(top))


def _passed(node_scores: ComponentScores, position: str) -> tuple[Bools, Floats, Bools]:
    there = node_scores.at(position)
    means, measured = there.means[0], np.asarray(there.measured[:, 0].any(axis=0), dtype=np.bool_)
    strength = np.where(measured, np.abs(means), 0)
    passed = np.zeros(len(means), dtype=np.bool_)
    passed[np.argsort(-strength, kind="stable")[: _n_passed(node_scores)]] = True
    return passed & (strength > 0), means, measured
