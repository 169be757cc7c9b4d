"""What running circuits takes, counted from what is run of each: ports and MLPs that an edge leads into.

In forward passes of the tokens that are run, those from the first on in which clean and corrupt differ. Every port that
is run reads a stream of its own, so that a circuit of nearly all edges takes more than a pass of the model.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from circuits.components import Edge
from pipelines.costs.shape import Shape

# What it takes to sum up, norm and turn around one number of a stream that a reader sees apart, in multiply-adds of
# products with weights: as measured on models of 0.8 M and 135 M weights.
_OF_NUMBER = 120
# Of a circuit that differs from another in some layer, how much is run, from there on; and of a gradient, in runs.
_RESUMED, _OF_GRADIENT = 0.5, 3
# Of a circuit, where nothing is known of the model.
_UNKNOWN = 1.0


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


class Circuits(NamedTuple):
    """Circuits that are run on the same prompts.

    n          how many
    share      of all edges that each has
    parts      what is run of each; None where its edges are as good as drawn at random
    resumed    whether each differs in some layer from another, and is run from there on
    gradients  whether each is run for the gradients of all of its components
    are_whole  whether components have all of their edges or none: they are run as the model is, some outputs ablated
    """

    n: float
    share: float = 1.0
    parts: Parts | None = None
    resumed: bool = False
    gradients: bool = False
    are_whole: bool = False

    @property
    def n_runs(self) -> float:
        """How many runs of a circuit they take, a gradient counted as some."""
        return self.n * (_OF_GRADIENT if self.gradients else 1)


def parts_of(edges: Iterable[Edge]) -> Parts:
    """What is run of a circuit of these edges."""
    edges = tuple(edges)
    ports = {edge.reader for edge in edges if edge.port is not None}
    heads = {edge.source for edge in edges if edge.source.is_head}
    mlps = {edge.target for edge in edges if edge.target.in_mlp}
    return Parts(len(ports), len(heads), len(mlps), len({edge.source for edge in edges}))


def parts_drawn(shape: Shape, share: float) -> Parts:
    """What is run of a circuit whose edges are drawn at random: readers that have any, and the outputs of as many
    heads."""
    in_layer, n_ports, n_mlps = shape.n_heads + 2 * shape.n_kv_heads, 0.0, 0.0
    for layer in range(shape.n_layers):
        n_sources = 1 + layer * (shape.n_heads + 1)
        n_ports += in_layer * _any(share, n_sources)
        n_mlps += _any(share, n_sources + shape.n_heads)
    n_heads = n_ports * shape.n_heads / in_layer
    return Parts(n_ports, n_heads, n_mlps, 1 + n_heads + n_mlps)


def passes_of_one(shape: Shape, parts: Parts) -> float:
    """Forward passes of the tokens that are run that a circuit takes: products of its ports, heads and MLPs; sums of
    what the writers before each reader add; and what is done with every number that a reader sees apart."""
    n_readers = parts.n_ports + parts.n_mlps + 1
    products = (parts.n_ports + parts.n_heads) * shape.d_model * shape.d_head + parts.n_mlps * shape.in_mlp
    # Half of the writers, on average, come before a reader.
    sums = n_readers * parts.n_writers / 2 * shape.d_model
    return (products + sums + n_readers * shape.d_model * _OF_NUMBER) / (shape.n_layers * shape.per_layer)


def passes(shape: Shape | None, circuits: Sequence[Circuits]) -> float:
    """Forward passes of the tokens that are run that some circuits take; on a model of unknown shape, one each."""
    return sum(_passes(shape, alike) for alike in circuits)


def _passes(shape: Shape | None, alike: Circuits) -> float:
    of_one = _UNKNOWN
    if shape is not None and not alike.are_whole:
        of_one = passes_of_one(shape, alike.parts or parts_drawn(shape, alike.share))
    return alike.n_runs * (_RESUMED if alike.resumed else 1) * of_one


def _any(share: float, n: int) -> float:
    """How often any of n edges is there, of a share of all."""
    return 1 - (1 - min(1.0, share)) ** n
