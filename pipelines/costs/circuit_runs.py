"""What running circuits will take, by what is known of them before (`circuits.evaluation.circuit_work`).

In forward passes of the tokens that are run, those from the first on in which clean and corrupt differ. As circuits are
run in stacks, twenty random circuits of few edges take as long as twenty of many.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from circuits.components import Edge
from circuits.evaluation.circuit_work import Parts, Sizes, work_of
from circuits.model.lengths import TOKENS_PER_PASS
from pipelines.costs.shape import Shape

# What it takes to copy a weight of a port that is run, where not all of them are, in multiply-adds of products.
_OF_COPIED = 60
# Of a circuit that differs from another in some layer, how much is run, from there on; and of a gradient, in runs.
_RESUMED, _OF_GRADIENT = 0.5, 3
# Of a circuit, where nothing is known of the model.
_UNKNOWN = 1.0


class Batch(NamedTuple):
    """What circuits are run on at once.

    n_tokens  of all prompts of a batch, those that are run
    numbers   those that may be held (`circuits.model.room`), which decides how many circuits a stack has
    """

    n_tokens: int
    numbers: int

    def stacked(self, shape: Shape) -> int:
        """How many circuits are run side by side."""
        of_one = self.n_tokens * shape.d_model * max(shape.n_writers, shape.wiring.readers_per_layer)
        return max(1, self.numbers // of_one)


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


def parts_of_components(shape: Shape, n: float) -> Parts:
    """What is run of a circuit of some components, as many of each kind as the model has, and all edges among them."""
    n_heads = n * shape.n_heads / (shape.n_heads + 1)
    in_layer = shape.n_heads + 2 * shape.n_kv_heads
    # Several heads may share keys and values.
    n_ports = min(3 * n_heads, n_heads + 2 * shape.n_kv_heads * shape.n_layers, shape.n_layers * in_layer)
    return Parts(n_ports, n_heads, n - n_heads, 1 + n)


def passes_of_one(shape: Shape, parts: Parts, batch: Batch | None = None, *, n_stacked: int = 1) -> float:
    """Forward passes of the tokens that are run that a circuit takes.

    batch      what it is run on with others, so many with it; by default, what it takes on very many tokens
    """
    sizes, copied = Sizes(shape.d_model, shape.d_head, shape.in_mlp), 0.0
    if batch is not None and parts.n_ports < _n_ports(shape):
        copied = (parts.n_ports + parts.n_heads) * sizes.of_port * _OF_COPIED / (batch.n_tokens * n_stacked)
    return (work_of(sizes, parts) + copied) / (shape.n_layers * shape.per_layer)


def passes(shape: Shape | None, circuits: Sequence[Circuits], batch: Batch | None = None) -> float:
    """Forward passes of the tokens that are run that some circuits take; on a model of unknown shape, one each.

    batch  what they are run on; by default, what they take one after the other on very many tokens
    """
    if shape is None:
        return sum(alike.n_runs * (_RESUMED if alike.resumed else 1) * _UNKNOWN for alike in circuits)
    whole = [alike for alike in circuits if not (alike.resumed or alike.gradients or alike.are_whole)]
    others = (_passes_alone(shape, alike, batch) for alike in circuits if alike not in whole)
    return sum(others) + sum(_passes_of_stack(shape, stack, batch) for stack in _stacks(shape, whole, batch))


def _passes_alone(shape: Shape, alike: Circuits, batch: Batch | None) -> float:
    """Of circuits that are run one by one: for gradients, as the model is, or from where they differ from another."""
    of_one, of_batches = _UNKNOWN, alike.n_runs * _of_batch(batch)
    if not alike.are_whole:
        parts = _parts(shape, alike)
        # What all writers before add is held, whether they have edges or not.
        of_one = passes_of_one(shape, parts._replace(n_writers=shape.n_writers) if alike.resumed else parts, batch)
    if not alike.resumed:
        return alike.n_runs * of_one + of_batches
    # Those that differ from another at the same place, before heads or the MLP of a layer, are run side by side.
    n_places = min(1.0, 2 * shape.n_layers / max(1.0, alike.n))
    return _RESUMED * (alike.n_runs * of_one + n_places * of_batches)


def _of_batch(batch: Batch | None) -> float:
    """What a run takes however few tokens it has, in passes of these."""
    return 0.0 if batch is None else TOKENS_PER_PASS / max(1, batch.n_tokens)


def _stacks(shape: Shape, circuits: Sequence[Circuits], batch: Batch | None) -> Iterator[list[Circuits]]:
    """The circuits that are run side by side, those of one size together."""
    room = most = 1.0 if batch is None else batch.stacked(shape)
    stack: list[Circuits] = []
    for alike in sorted(circuits, key=lambda alike: _parts(shape, alike).n_ports):
        n_left = alike.n
        while n_left > 0:
            n = min(n_left, room)
            # Without a batch, nothing depends on how many there are.
            n = n_left if batch is None else n
            stack.append(alike._replace(n=n))
            n_left, room = n_left - n, room - n
            if room <= 0:
                yield stack
                stack, room = [], most
    if stack:
        yield stack


def _passes_of_stack(shape: Shape, stack: Sequence[Circuits], batch: Batch | None) -> float:
    """Of circuits that are run side by side: every port into which an edge of any of them leads, in each."""
    each = [(alike.n, _parts(shape, alike)) for alike in stack]
    if batch is None:
        return sum(n * passes_of_one(shape, parts) for n, parts in each)
    n_stacked, without = sum(n for n, _ in each), 1.0
    found = min(1.0, n_stacked) * _of_batch(batch)
    for alike in stack:
        if alike.parts is None:
            without *= (1 - min(1.0, alike.share)) ** alike.n
    of_drawn = parts_drawn(shape, 1 - without)
    n_ports = max(of_drawn.n_ports, *(parts.n_ports for _, parts in each))
    n_heads = max(of_drawn.n_heads, *(parts.n_heads for _, parts in each))
    for n, parts in each:
        n_writers = max(parts.n_writers, 1 + n_heads + parts.n_mlps)
        together = Parts(n_ports, n_heads, parts.n_mlps, n_writers)
        found += n * passes_of_one(shape, together, batch, n_stacked=max(1, round(n_stacked)))
    return found


def _parts(shape: Shape, alike: Circuits) -> Parts:
    return alike.parts or parts_drawn(shape, alike.share)


def _n_ports(shape: Shape) -> int:
    return shape.n_layers * (shape.n_heads + 2 * shape.n_kv_heads)


def _any(share: float, n: int) -> float:
    """How often any of n edges is there, of a share of all."""
    return 1 - (1 - min(1.0, share)) ** n
