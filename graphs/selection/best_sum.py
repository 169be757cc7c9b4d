"""The connected circuit of a size whose edges have the largest sum: a mixed-integer linear program.

Variables: whether an edge is in the circuit, and whether a writer is used. An edge needs its source, and one of the
writers that its target leads to; a writer that is used needs an edge in and an edge out. The graph has no circles, so
every edge then lies on a path from `input` to `logits`.

On a large model nearly all edges are too weak to be chosen, except as the only way to something stronger. So the
program is solved over the strongest edges first. To know what that leaves out, it is solved again where edges outside
these may stand for ways into and out of writers: an edge outside leaves one writer and ends in one reader, so there are
at most as many ways of each sort as places left, and every place left counts as much as the strongest edge outside.
That optimum bounds the largest sum of all circuits. While it lies above what was found, more edges come in.
"""

from __future__ import annotations

import time
from typing import Any, NamedTuple

import numpy as np

from circuits.arrays import Bools, Floats, Numbers
from circuits.components import Wiring
from graphs.selection.layout import Layout, layout_of

_FIRST = 1000  # strongest edges at first, or three times the size of the circuit
_MORE = 4  # how many times as many edges come in next
_LONGER = 8  # and how many times as long that takes: HiGHS may look at the clock too late
_ROUNDING = 1e-6  # within which a gap is none, relative


class BestSum(NamedTuple):
    """The best circuit found.

    circuit  [edge] which edges are in it
    gap      by how much the largest sum may be above that of the circuit, relative to it; 0 where it is the largest
    """

    circuit: Bools
    gap: float


def best_sum(wiring: Wiring, strength: Floats, usable: Bools, start: Bools, *, time_limit: float) -> BestSum:
    """The connected circuit of as many edges as `start` with the largest sum of strengths.

    strength    [edge] what an edge adds; may be negative
    usable      [edge] which edges may be used
    start       [edge] a connected circuit of these, kept where nothing better is found
    time_limit  seconds

    70,000 edges, circuits of 60 to 600: 1 to 30 s in HiGHS, for a gap of at most some percent.
    """
    layout, n = layout_of(wiring), int(np.count_nonzero(start))
    order = np.flatnonzero(usable)
    order = order[np.argsort(-strength[order], kind="stable")]
    # Without any program, the strongest edges bound the sum, whether they make paths or not.
    end, best, bound = time.monotonic() + time_limit, start, float(strength[order[:n]].sum())
    size = max(_FIRST, 3 * n)
    while True:
        began = time.monotonic()
        is_in = start.copy()
        is_in[order[:size]] = True
        outside = order[~is_in[order]]
        program = _Program(layout, strength, np.flatnonzero(is_in), n, None)
        circuit, upper = program.solve(end - began)
        if circuit is not None:
            best = max(best, circuit, key=lambda each: float(strength[each].sum()))
        if len(outside):
            left, program = end - time.monotonic(), program._replace(outside=float(strength[outside[0]]))
            upper = program.solve(left)[1] if left > 0 else np.inf
        bound = min(bound, upper)
        now = time.monotonic()
        if not len(outside) or _gap(strength, best, bound) == 0 or now + _LONGER * (now - began) > end:
            return BestSum(best, _gap(strength, best, bound))
        size *= _MORE


def _gap(strength: Floats, circuit: Bools, bound: float) -> float:
    total = float(strength[circuit].sum())
    excess = bound - total
    return max(0.0, excess / max(abs(total), 1e-12)) if excess > _ROUNDING * abs(total) else 0.0


class _Program(NamedTuple):
    """The program over some edges.

    strength  [edge] of all edges
    edges     numbers of those that may be chosen
    n         edges of the circuit
    outside   the strength of the strongest other edge, where others may stand for ways in and out; None: none may
    """

    layout: Layout
    strength: Floats
    edges: Numbers
    n: int
    outside: float | None

    def solve(self, seconds: float) -> tuple[Bools | None, float]:
        """The best choice [edge] found, None without one, and a bound of the largest sum.

        Where edges outside may be used, the choice may have fewer than `n` edges, and then be no circuit.
        """
        from scipy.optimize import Bounds, LinearConstraint, milp  # half a second to import

        links, n_edges, n_writers = self._links(), len(self.edges), self.layout.end - 1
        n_whole, floor = n_edges + n_writers, 0.0 if self.outside is None else self.outside
        weights, is_whole = np.zeros((2, links.shape[1]))
        weights[:n_edges], is_whole[:n_whole] = floor - self.strength[self.edges], 1
        places = np.zeros((2, links.shape[1]))
        places[:, :n_edges], places[0, n_whole : n_whole + n_writers], places[1, n_whole + n_writers :] = 1, 1, 1
        least = self.n if self.outside is None else -np.inf
        found = milp(
            weights,
            constraints=[LinearConstraint(links, -np.inf, 0), LinearConstraint(places, least, self.n)],
            integrality=is_whole,
            bounds=Bounds(0, 1),
            options={"time_limit": seconds, "mip_rel_gap": _ROUNDING / 10},
        )
        upper = np.inf if found.mip_dual_bound is None else floor * self.n - float(found.mip_dual_bound)
        if found.x is None:
            return None, upper
        chosen = np.zeros(len(self.strength), dtype=np.bool_)
        chosen[self.edges[found.x[:n_edges] > 0.5]] = True
        return chosen, upper

    def _links(self) -> Any:
        """[link, variable] sums that are 0 at most: an edge, or a writer used, less what it needs.

        Variables: edges, writers without `input`, ways out of each writer and into each reader by edges outside.
        """
        from scipy import sparse

        layout, edges = self.layout, self.edges
        n_writers, n_readers = layout.end - 1, len(layout.feeds)
        fed = [(reader, writer - 1) for reader, to in enumerate(layout.feeds) for writer in to if writer != layout.end]
        leads = sparse.csr_matrix((np.ones(len(fed)), np.transpose(fed)), shape=(n_readers, n_writers))
        source, target = layout.source[edges], layout.target[edges]
        inner, inward = np.flatnonzero(source), np.flatnonzero(target < n_readers - 1)
        starts = (np.ones(len(inner)), (inner, source[inner] - 1))
        leaves, enters = sparse.csr_matrix(starts, shape=(len(edges), n_writers)), leads[target]
        edge, writer = (sparse.csr_matrix(sparse.identity(size)) for size in (len(edges), n_writers))
        rows: list[list[Any]] = [
            [edge[inner], -leaves[inner], None, None],
            [edge[inward], -enters[inward], None, None],
            [-leaves.T, writer, -writer, None],
            [-enters.T, writer, None, -leads.T],
        ]
        n_blocks = 2 if self.outside is None else 4
        return sparse.bmat([row[:n_blocks] for row in rows], format="csr")
