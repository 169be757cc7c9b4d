"""The circuits that a run would have had on other draws of its prompts, from its stored scores per prompt.

Three sorts of draws: prompts drawn with replacement (how sure is it that a part is in the circuit?), disjoint halves
(how alike are two circuits of the same task?), and disjoint halves of prompts drawn with replacement (how sure is
that?). What is drawn depends on the prompts alone: two runs on the same prompts are drawn alike, others independently.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from circuits.arrays import Bools, Floats
from circuits.cached import cached_property
from circuits.components import Wiring
from circuits.intervals import drawn_counts
from circuits.scores import ComponentScores, EdgeScores, Scores
from graphs.circuit_graph import CircuitGraph
from graphs.comparison.curve import Ceiling, ceiling_of
from graphs.comparison.levels import parts_of
from graphs.selection import SELECTIONS, selection_from

LEAST_PROMPTS = 4  # that halves can be made of
_GROUPS, _SPLITS = 20, 20  # of prompts that are left out; splits in which they are
_EDGES_AT_ONCE = 1_500_000
_MOST, _MOST_SPLITS = 100, 10  # resamples and splits of a rule that chooses circuits one by one


@dataclass(frozen=True)
class Amounts:
    """How much is drawn.

    resamples  of prompts with replacement
    splits     into disjoint halves
    seed       of all draws
    """

    resamples: int = 1000
    splits: int = 50
    seed: int = 0


@dataclass(frozen=True, eq=False)
class Redrawn:
    """A run's circuits on other draws of its prompts, as packed bits over the edges.

    prompts       fingerprint of the prompts, `n_prompts` of which chose the run's circuit; `half_size` how many chose
    each circuit of a half resampled     [resample, byte] halves        [split, half, byte]; none with too few prompts
    left_out      [group, split, half, byte] the first of these halves without a prompt, or a group of prompts ceiling
    how far the rankings of two halves agree, at each size of the curve fewer         why fewer were drawn than were
    asked for, in words
    """

    wiring: Wiring
    prompts: str
    n_prompts: int
    half_size: int
    resampled: NDArray[np.uint8]
    halves: NDArray[np.uint8]
    left_out: NDArray[np.uint8]
    ceiling: Ceiling | None
    fewer: str | None

    def edges(self, sort: str) -> Bools:
        """[..., edge] the circuits of one sort: `resampled`, `halves` or `left_out`."""
        return np.unpackbits(getattr(self, sort), axis=-1, count=self.wiring.n_edges).view(np.bool_)

    @cached_property
    def _parts(self) -> dict[str, Bools]:
        return {sort: parts_of(self.wiring, self.edges(sort)) for sort in ("resampled", "halves", "left_out")}

    def of(self, level: str, sort: str) -> Bools:
        """[..., thing] the circuits of one sort at a level: `heads`, `nodes` or `edges`."""
        if level == "edges":
            return self.edges(sort)
        kinds = (self.wiring.attention_kind,) if level == "heads" else self.wiring.node_kinds
        return self._parts[sort][..., [writer.kind in kinds for writer in self.wiring.writers]]


def redraw(
    graph: CircuitGraph,
    scores: EdgeScores,
    node_scores: ComponentScores | None = None,
    *,
    amounts: Amounts = Amounts(),
    half_size: int | None = None,
    fractions: tuple[float, ...] = (),
) -> Redrawn | None:
    """The circuits that the rule of `graph` chooses on other draws of the prompts; None where it cannot be asked again.

    half_size  prompts in each half; by default half of them. Runs are compared at the same number
    fractions  of all heads and edges, at which the rankings of halves are compared

    Rule `grown` takes 3 to 4 ms each on 70,000 edges. Others, which may take 50 ms, are asked for 100 resamples and
    10 splits at most, which `fewer` says.
    """
    rule = SELECTIONS.get(str(graph.selection.get("name")))
    chosen_from = _chosen_from(graph, scores, node_scores)
    n = chosen_from.n_prompts
    if rule is None or not rule.can_resample or amounts.resamples < 1 or n < 2:
        return None
    chooser = _Chooser(graph, scores, node_scores)
    n_resamples, n_splits, fewer = amounts.resamples, amounts.splits, None
    if not (rule.takes_many and rule.chooses == "edges") and (n_resamples > _MOST or n_splits > _MOST_SPLITS):
        n_resamples, n_splits = min(n_resamples, _MOST), min(n_splits, _MOST_SPLITS)
        fewer = f"{n_resamples:,} resamples and {n_splits} splits: rule {rule.name} chooses circuits one by one"
    half_size = n // 2 if half_size is None else half_size
    resampled = chooser.circuits(drawn_counts(n, resamples=n_resamples, seed=_generator(chosen_from, amounts.seed, 0)))
    width = resampled.shape[1]
    halves, left_out = np.zeros((0, 2, width), np.uint8), np.zeros((0, 0, 2, width), np.uint8)
    ceiling = None
    if n_splits and LEAST_PROMPTS // 2 <= half_size <= n // 2:
        weights = halves_of(chosen_from, half_size, n_splits, amounts.seed)
        halves = chooser.circuits(weights.reshape(-1, n)).reshape(n_splits, 2, width)
        ceiling = ceiling_of(scores, node_scores, weights, fractions)
        left_out = _left_out(chooser, weights[:_SPLITS], halves[:_SPLITS])
    prompts = chosen_from.provenance.prompts_fingerprint
    return Redrawn(scores.wiring, prompts, n, half_size, resampled, halves, left_out, ceiling, fewer)


def n_prompts_of(graph: CircuitGraph, scores: EdgeScores, node_scores: ComponentScores | None = None) -> int:
    """How many prompts chose a circuit."""
    return _chosen_from(graph, scores, node_scores).n_prompts


def _chosen_from(graph: CircuitGraph, scores: EdgeScores, node_scores: ComponentScores | None) -> Scores:
    """The scores that the rule of a circuit ranks first."""
    rule = SELECTIONS.get(str(graph.selection.get("name")))
    return scores if node_scores is None or rule is None or rule.chooses == "edges" else node_scores


def halves_of(scores: Scores, half_size: int, n_splits: int, seed: int) -> Floats:
    """[split, half, prompt] 1 for the prompts of each of two disjoint halves, at random."""
    draw, n = _generator(scores, seed, 1), scores.n_prompts
    weights = np.zeros((n_splits, 2, n))
    for split in weights:
        order = draw.permutation(n)
        split[0, order[:half_size]] = split[1, order[half_size : 2 * half_size]] = 1
    return weights


def _left_out(chooser: _Chooser, weights: Floats, halves: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """[group, split, half, byte] circuits of halves without each prompt; without groups of them, where there are many.

    weights  [split, half, prompt] 1 for the prompts of each half
    halves   [split, half, byte] their circuits, which stay where nothing is left out
    """
    n = weights.shape[-1]
    group_of, n_groups = np.arange(n) % _GROUPS, min(n, _GROUPS)
    rest = np.stack([weights * (group_of != group) for group in range(n_groups)])
    changes = (rest.sum(axis=3) < weights.sum(axis=2)) & (rest.sum(axis=3) > 0)
    circuits = np.tile(halves, (n_groups, 1, 1, 1))
    circuits[changes] = chooser.circuits(rest[changes])
    return circuits


def _generator(scores: Scores, seed: int, sort: int) -> np.random.Generator:
    """The same for scores of the same prompts."""
    fingerprint = hashlib.sha256(f"{scores.provenance.prompts_fingerprint} {scores.n_prompts}".encode()).digest()
    return np.random.default_rng([seed, sort, *fingerprint])


class _Chooser:
    """The rule that chose a circuit, asked again with other weights of the prompts."""

    def __init__(self, graph: CircuitGraph, scores: EdgeScores, node_scores: ComponentScores | None) -> None:
        self._rule, self._scores = selection_from(graph.selection), scores
        self._node_scores = node_scores if self._rule.chooses == "components" else None
        self._per_prompt = scores.per_prompt.astype(np.float64)

    def circuits(self, weights: Floats) -> NDArray[np.uint8]:
        """[sample, byte] the circuits, in bits, of scores weighted by [sample, prompt]."""
        at_once = max(1, _EDGES_AT_ONCE // self._scores.wiring.n_edges)
        parts = [self._some(weights[start : start + at_once]) for start in range(0, len(weights), at_once)]
        return np.concatenate([np.packbits(part, axis=1) for part in parts])

    def _some(self, weights: Floats) -> Bools:
        if weights.shape[1] == len(self._per_prompt):
            means = weights @ self._per_prompt / weights.sum(axis=1, keepdims=True)
        else:  # edges between chosen components may have been scored on other prompts
            means = np.tile(self._scores.means, (len(weights), 1))
        if self._node_scores is None:
            return self._rule.circuits_of(self._scores, means)
        return np.stack(list(self._of_components(weights, means)))

    def _of_components(self, weights: Floats, means: Floats) -> Iterator[Bools]:
        assert self._node_scores is not None
        for row, mean in zip(weights, means, strict=True):
            edges = replace(self._scores, per_prompt=mean[None])
            yield self._rule.choose(edges, weighted_components(self._node_scores, row)).mask


def weighted_components(scores: ComponentScores, weights: Floats) -> ComponentScores:
    """The mean over prompts that have a position, weighted by [prompt], as the scores of a single prompt."""
    here = weights[:, None, None] * scores.measured
    total = here.sum(axis=0, keepdims=True)
    means = (here * scores.per_prompt).sum(axis=0, keepdims=True) / np.where(total > 0, total, 1)
    return replace(scores, per_prompt=means, measured=total > 0)
