"""Circuits to compare one with: the same circuit on other heads.

Heads of a layer are renamed at random, whole key-value groups with their heads. What comes out is connected as the
circuit is, and has as many edges of every kind, port and pair of layers, into as many heads; only which heads they are
is drawn. Edges drawn one by one rarely make a path, and what lies on no path does nothing.
"""

from __future__ import annotations

import numpy as np

from circuits.arrays import Bools, Numbers
from circuits.components import Wiring
from circuits.masks import endpoints


def matched_circuits(wiring: Wiring, circuit: Bools, *, n: int, seed: int = 0) -> Bools:
    """[draw, part] the circuit with the heads of every layer renamed at random.

    circuit  [edge] or [writer]

    A circuit that fills the layers it uses comes out much as it is, and says little: see `likeness`.
    """
    draw = np.random.default_rng(seed)
    is_of_edges = len(circuit) == wiring.n_edges
    rename = renamed_edges if is_of_edges else renamed_writers
    drawn = np.zeros((n, len(circuit)), dtype=np.bool_)
    for row in drawn:
        row[rename(wiring, _orders(wiring, draw))[circuit]] = True
    return drawn


def likeness(circuit: Bools, drawn: Bools) -> float:
    """Mean intersection over union of a circuit [part] with drawn ones [draw, part]; 1 where nothing was drawn."""
    if not len(drawn) or not circuit.any():
        return 1.0
    return float(((circuit & drawn).sum(axis=1) / (circuit | drawn).sum(axis=1)).mean())


def at_heads(wiring: Wiring, n_parts: int) -> Bools:
    """[part] which parts renaming can change: heads, and edges that start or end at one. All others stay.

    n_parts  as many as there are edges, or writers
    """
    is_head = np.array([writer.is_head for writer in wiring.writers])
    if n_parts != wiring.n_edges:
        return is_head
    source, target = endpoints(wiring)
    into_heads = np.array([not wiring.joins_heads and reader.port is not None for reader in wiring.readers])
    return is_head[source] | into_heads[target]


def _orders(wiring: Wiring, draw: np.random.Generator) -> Numbers:
    """[layer, head] what each head is renamed to: groups change places, and heads within them."""
    groups, size = wiring.n_kv_heads, wiring.n_heads // wiring.n_kv_heads
    orders = np.empty((wiring.n_layers, groups, size), dtype=np.int64)
    for layer in orders:
        for old, new in enumerate(draw.permutation(groups)):
            layer[old] = new * size + draw.permutation(size)
    return orders.reshape(wiring.n_layers, wiring.n_heads)


def renamed_writers(wiring: Wiring, orders: Numbers) -> Numbers:
    """[writer] number of the writer that each is renamed to.

    orders  [layer, head] what the heads are renamed to
    """
    numbers = np.arange(len(wiring.writers))
    for layer, order in enumerate(orders):
        first = 1 + layer * wiring.writers_per_layer
        numbers[first : first + wiring.n_heads] = first + order
    return numbers


def _renamed_readers(wiring: Wiring, orders: Numbers) -> Numbers:
    """[reader] number of the reader that each is renamed to: queries by head, keys and values by key-value head."""
    numbers = np.arange(len(wiring.readers))
    if wiring.joins_heads:
        return numbers
    size = wiring.n_heads // wiring.n_kv_heads
    for layer, order in enumerate(orders):
        first, groups = layer * wiring.readers_per_layer, order[::size] // size
        numbers[first : first + wiring.n_heads] = first + order
        for port in range(2):
            start = first + wiring.n_heads + port * wiring.n_kv_heads
            numbers[start : start + wiring.n_kv_heads] = start + groups
    return numbers


def renamed_edges(wiring: Wiring, orders: Numbers) -> Numbers:
    """[edge] number of the edge that each is renamed to.

    orders  [layer, head] what the heads are renamed to; heads of a key-value group stay together
    """
    source, target = endpoints(wiring)
    offsets = np.asarray(wiring.edge_offsets)
    return offsets[_renamed_readers(wiring, orders)[target]] + renamed_writers(wiring, orders)[source]
