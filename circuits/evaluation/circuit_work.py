"""What running circuits of edges takes, counted from what is run of them: ports and MLPs that an edge leads into.

Every port that is run reads a stream of its own, so that a circuit of nearly all edges takes more than a pass of the
model. Circuits are run in stacks, and a port is run for all of a stack where an edge of any of them leads into it.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from circuits.arrays import Bools
from circuits.components import Wiring

# What it takes to sum up, norm and turn around one number of a stream that a reader sees apart, in multiply-adds of
# products with weights, on a model of this width. Moving numbers takes as long on any; wider products are faster per
# multiply-add, up to a width: as measured on models of 0.8 M, 20 M and 135 M weights.
_OF_NUMBER, _AT_WIDTH, _FASTEST_WIDTH = 120, 128, 512


class Sizes(NamedTuple):
    """Of a model, what decides how much running a part of it takes.

    in_mlp  weights of the MLP of one layer
    """

    d_model: int
    d_head: int
    in_mlp: int

    @property
    def of_port(self) -> int:
        """Weights of a port, and of what a head writes."""
        return self.d_model * self.d_head


class Parts(NamedTuple):
    """What is run of a circuit: how many ports, heads and MLPs an edge leads into, and how many writers one leaves."""

    n_ports: float
    n_heads: float
    n_mlps: float
    n_writers: float

    @property
    def half(self) -> Parts:
        """Of a circuit with half of its components knocked out."""
        return Parts(*(of / 2 for of in self))


def work_of(sizes: Sizes, parts: Parts) -> float:
    """Multiply-adds for one token: products of ports, heads and MLPs; sums of what the writers before each reader add;
    and what is done with every number that a reader sees apart.

    >>> from circuits.evaluation.circuit_work import Parts, Sizes, work_of
    >>> work_of(Sizes(d_model=512, d_head=64, in_mlp=2**20), Parts(n_ports=0, n_heads=0, n_mlps=0, n_writers=1))
    123136.0
    """
    n_readers = parts.n_ports + parts.n_mlps + 1
    products = (parts.n_ports + parts.n_heads) * sizes.of_port + parts.n_mlps * sizes.in_mlp
    # Half of the writers, on average, come before a reader.
    sums = n_readers * parts.n_writers / 2 * sizes.d_model
    of_number = _OF_NUMBER * math.sqrt(min(sizes.d_model, _FASTEST_WIDTH) / _AT_WIDTH)
    return products + sums + n_readers * sizes.d_model * of_number


def with_edges(wiring: Wiring, circuits: Bools) -> Bools:
    """[circuit, reader] whether an edge of a circuit [circuit, edge] leads into a reader."""
    return np.logical_or.reduceat(circuits, wiring.edge_offsets[:-1], axis=1)


def parts_of_stack(wiring: Wiring, has_edges: Bools) -> Parts:
    """What is run of each circuit, on average, of some that are run side by side.

    has_edges  [circuit, reader]
    """
    of_layers = has_edges[:, :-1].reshape(len(has_edges), wiring.n_layers, wiring.readers_per_layer)
    n_heads, n_groups = wiring.n_heads, wiring.n_kv_heads
    queries, others, mlps = np.split(of_layers, [n_heads, n_heads + 2 * n_groups], axis=2)
    ports = np.logical_or.reduce(np.concatenate([queries, others], axis=2))
    # Heads that share keys and values are run together.
    read = ports[:, :n_heads].reshape(wiring.n_layers, n_groups, -1).any(axis=2)
    read |= ports[:, n_heads:].reshape(wiring.n_layers, 2, n_groups).any(axis=1)
    n_run, n_mlps = float(read.sum()) * (n_heads // n_groups), float(mlps.sum()) / len(has_edges)
    return Parts(float(ports.sum()), n_run, n_mlps, 1 + n_run + n_mlps)
