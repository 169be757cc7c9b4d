"""ACDC: edges are visited from the output backward, and each one that the circuit can do without is dropped.

    score(edge) = metric(current circuit) - metric(current circuit without the edge), mean over all prompts

An edge that scores less than tau is dropped before the next one is visited. Readers are visited in reverse wiring
order, the edges into each from its last source to its first: one at a time, as published, but many are measured at
once. Most edges are dropped, so a block of candidates is run as cumulative removals (run i lacks candidates 1 .. i):
the results up to the first edge that is kept are exactly those of trying edges one by one; the rest are run again.

While the readers of a layer are visited, all earlier readers have all their edges, so runs resume there. And two kinds
of edges are dropped without a run, their scores being exactly 0: those whose source is the same in both runs, and those
into heads that nothing reads anymore.

Source: Conmy et al. 2023, with the metric `kl-divergence`. Their code visits q, k and v of one head before the next
head; here all values of a layer come before its keys and its queries, because grouped heads share them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from circuits.ablations import Ablation
from circuits.arrays import Bools, Floats
from circuits.citations import CONMY_2023
from circuits.components import LOGITS, Wiring
from circuits.data.prompts import PromptSet
from circuits.methods.base import CORRUPT, Method
from circuits.methods.registry import register
from circuits.metrics import Metric
from circuits.model.room import circuits_at_once
from circuits.model.steps import kept, steps, whole
from circuits.numbers import count_text
from circuits.scores import EdgeScores

if TYPE_CHECKING:
    from circuits.effects.paired_runs import Pair
    from circuits.model.load import Model

# Passes of the bisection for a circuit of a given size, after the first one, which drops everything; and the ratio
# between the two values of tau that enclose the wanted one at which the bisection stops.
_SEARCHES = 10
_CLOSE = 1.01
_FIRST_BLOCK = 4


@register
@dataclass(frozen=True)
class ACDC(Method):
    """Drop every edge whose removal costs less than tau, from the output backward.

    An edge's score is its effect in the circuit as it was when the edge was visited, for dropped edges too, so that the
    circuit is |mean score| >= tau.
    Cost: one forward pass from the reader's layer on per edge, and up to as many again where many edges are kept; with
    `size`, 11 times that at most. Memory: the recorded runs of all prompts.

    tau       smallest effect with which an edge is kept, in units of the metric
    absolute  drop where |score| < tau; otherwise, as published, where score < tau: harmful edges go too
    size      instead of tau: look for the circuit with this many edges, or the largest smaller one found; the
              record then says which tau that took. The first pass drops everything (its scores give the first guess),
              then at most 10 bisect over tau
    """

    name = "acdc"
    cites = (CONMY_2023,)
    summary = "drop edges one by one from the output backward, where that costs less than tau"
    scores_are = "measured"
    result = "edges"
    scored_in = ("measure", 2)  # fewer circuits are run side by side: other last digits

    tau: float = 0.05
    absolute: bool = True
    size: int | None = None

    def __post_init__(self) -> None:
        if not (self.tau > 0 and np.isfinite(self.tau)):
            raise ValueError(
                f"acdc: tau={self.tau}. It must be positive: the smallest effect with which an edge is kept."
            )
        if self.size is not None and self.size < 1:
            raise ValueError(f"acdc: size={self.size}. A circuit has at least 1 edge.")

    @property
    def per_prompt(self) -> bool:
        return False  # what is dropped is decided by the mean over all prompts

    @property
    def default_selection(self) -> Mapping[str, Any]:
        chosen = {"threshold": self.tau} if self.size is None else {"edges": self.size, "selection": "top-edges"}
        return chosen if self.absolute else chosen | {"signed": True}

    def check(self, model: Model, prompts: PromptSet, metric: Metric, ablation: Ablation = CORRUPT) -> None:
        """Also raises a ValueError for more edges than the model has."""
        super().check(model, prompts, metric, ablation)
        if self.size is not None and self.size > model.wiring.n_edges:
            raise ValueError(f"acdc: size={self.size}; {model.name!r} has {count_text(model.wiring.n_edges, 'edge')}.")

    def score(self, model: Model, prompts: PromptSet, *, metric: Metric, ablation: Ablation = CORRUPT) -> EdgeScores:
        """Scores [prompt, edge]: each edge's effect when it was visited."""
        import torch

        self.check(model, prompts, metric, ablation)
        with torch.no_grad():
            recorded = _recorded(model, prompts, metric, ablation)
            if self.size is None:
                with whole():
                    pruned = self._pruned(recorded, self.tau)
            else:
                pruned = self._of_size(recorded, self.size)
        provenance = self.provenance(model, prompts, metric, ablation)
        if self.size is not None:
            provenance = replace(provenance, settings={**provenance.settings, "tau": pruned.tau})
        return EdgeScores(model.wiring, pruned.effects, np.ones(model.wiring.n_edges, dtype=np.bool_), provenance)

    def strength(self, means: Floats) -> Floats:
        """What is compared with tau, from mean scores."""
        return np.abs(means) if self.absolute else means

    def _pruned(self, recorded: _Recorded, tau: float) -> _Pruned:
        """One pass over all edges."""
        pruning = _Pruning(self, recorded, tau)
        groups = _groups(recorded.model.wiring)
        # Each edge is run from its reader on.
        layers = recorded.model.wiring.n_layers
        n_run = [len(group.readers) * (layers - group.first_layer + 1) * (group.first_layer + 1) for group in groups]
        for group in steps(groups, n_run):
            pruning.visit(group)
        return _Pruned(tau, pruning.effects, int(pruning.kept.sum()))

    def _of_size(self, recorded: _Recorded, size: int) -> _Pruned:
        """The largest circuit found with at most `size` edges, by bisection over tau on a logarithmic scale.

        Every other try is the tau that would keep `size` edges if the scores stayed those of the last run.
        """
        pruned = self._pruned(recorded, np.inf)
        low, high = 0.0, np.nextafter(max(0.0, self.strength(pruned.means).max()), np.inf)
        best = pruned._replace(tau=float(high))
        for number in range(_SEARCHES):
            if best.n_kept == size or high < _CLOSE * low:
                break
            tau = float(np.sqrt(low * high)) if low else high / 10
            guess = float(np.sort(self.strength(pruned.means))[-size])
            if number % 2 == 0 and low < guess < high:
                tau = guess
            pruned = self._pruned(recorded, tau)
            low, high = (tau, high) if pruned.n_kept > size else (low, tau)
            if best.n_kept < pruned.n_kept <= size:
                best = pruned
        return best


class _Pruned(NamedTuple):
    """tau, effects [prompt, edge] when visited, and the number of edges kept."""

    tau: float
    effects: Floats
    n_kept: int

    @property
    def means(self) -> Floats:
        return self.effects.mean(axis=0, dtype=np.float64)


class _Group(NamedTuple):
    """Readers whose runs resume at the same point, and how `circuit_runs` sees them; in wiring order."""

    readers: range
    first_layer: int
    heads_are_whole: bool


def _groups(wiring: Wiring) -> list[_Group]:
    """All readers, from the output backward. No reader of a group depends on another one in it."""
    groups = [_Group(range(len(wiring.readers) - 1, len(wiring.readers)), wiring.n_layers, False)]
    for layer in reversed(range(wiring.n_layers)):
        first = layer * wiring.readers_per_layer
        stop = first + wiring.readers_per_layer
        if wiring.has_mlps and not wiring.is_parallel:
            stop -= 1
            groups.append(_Group(range(stop, stop + 1), layer, True))
        groups.append(_Group(range(first, stop), layer, False))
    return groups


@dataclass(frozen=True)
class _Recorded:
    """All prompts' clean and ablated runs, since every decision is about all of them.

    writes_differ  [writer] whether what it writes differs between the runs, in any prompt
    """

    model: Model
    n_prompts: int
    pairs: list[Pair]
    writes_differ: Bools

    def values(self, circuits: Bools, group: _Group) -> Floats:
        """The metric [circuit, prompt] of circuits [circuit, edge] in which readers before the group are whole."""
        import torch

        from circuits.effects.circuit_runs import metric_with_edges

        weights = torch.from_numpy(circuits).to(self.model.forward.device)
        values = np.zeros((len(circuits), self.n_prompts))
        for pair in self.pairs:
            metric = metric_with_edges(
                self.model, pair, weights, first_layer=group.first_layer, heads_are_whole=group.heads_are_whole
            )
            values[:, np.asarray(pair.batch.prompt_indices)] = metric.double().cpu().numpy()
        return values

    def circuits_at_once(self, group: _Group) -> int:
        """How many circuits fit into one run."""
        wiring, forward = self.model.wiring, self.model.forward
        n_layers = wiring.n_layers - group.first_layer
        n_held = max(n_layers * wiring.writers_per_layer, wiring.readers_per_layer if n_layers else 4)
        n_tokens = max(pair.batch.n_sequences * (pair.batch.n_positions - pair.batch.start) for pair in self.pairs)
        per_circuit = n_held * n_tokens * forward.weight_u.shape[1]
        return circuits_at_once(forward.numbers_at_once, per_circuit, forward.device.type)


def _recorded(model: Model, prompts: PromptSet, metric: Metric, ablation: Ablation) -> _Recorded:
    from circuits.effects.paired_runs import each_pair

    pairs: list[Pair] = []
    writes_differ = np.zeros(len(model.wiring.writers), dtype=np.bool_)

    def keep(pair: Pair) -> None:
        np.logical_or(writes_differ, _differences(pair, model.wiring), out=writes_differ)
        pairs.append(pair)

    at_once = model.forward.prompts_with_writers_at_once(prompts.n_positions)
    each_pair(model, prompts, metric, ablation, keep, at_once=at_once)
    return _Recorded(model, len(prompts), pairs, writes_differ)


def _differences(pair: Pair, wiring: Wiring) -> Bools:
    """[writer] whether what it writes differs between clean and ablated run, in any prompt of the batch."""
    clean, ablated = pair.clean, pair.ablated
    differs = [[bool((clean.residual[0] != ablated.residual[0]).any())]]
    for layer in range(wiring.n_layers):
        differs.append((clean.z[layer] != ablated.z[layer]).any(3).any(1).any(0).tolist())
        if wiring.has_mlps:
            differs.append([bool((clean.mlp[layer] != ablated.mlp[layer]).any())])
    return np.concatenate(differs)


class _Pruning:
    """The circuit as edges are visited.

    kept     [edge] the circuit: edges not visited yet are in it
    effects  [prompt, edge] the effect of each edge when it was visited
    """

    def __init__(self, method: ACDC, recorded: _Recorded, tau: float) -> None:
        wiring = recorded.model.wiring
        self._method, self._recorded, self._wiring, self._tau = method, recorded, wiring, tau
        self.kept = np.ones(wiring.n_edges, dtype=np.bool_)
        self.effects = np.zeros((recorded.n_prompts, wiring.n_edges), dtype=np.float32)
        self._value = recorded.values(self.kept[None], _groups(wiring)[0])[0]  # [prompt] of the current circuit
        self._is_read = np.zeros(len(wiring.writers), dtype=np.bool_)
        self._block = _FIRST_BLOCK

    def visit(self, group: _Group) -> None:
        """Decide on all edges into the readers of a group."""
        offsets = self._wiring.edge_offsets
        edges = np.arange(offsets[group.readers.start], offsets[group.readers.stop])
        candidates = edges[self._may_matter(group)][::-1]
        self.kept[np.setdiff1d(edges, candidates)] = False
        most = self._recorded.circuits_at_once(group)
        while len(candidates):
            block = candidates[: min(self._block, most)]
            n_decided = self._decide(block, group)
            candidates = candidates[n_decided:]
            # Long blocks save time where nearly everything is dropped, and waste it where much is kept.
            self._block = n_decided if self.kept[block].any() else 2 * len(block)
        sources = edges - np.repeat(offsets[group.readers.start : group.readers.stop], self._n_sources(group))
        self._is_read[sources[self.kept[edges]]] = True

    def _n_sources(self, group: _Group) -> list[int]:
        return [self._wiring.n_sources(reader) for reader in group.readers]

    def _may_matter(self, group: _Group) -> Bools:
        """[edge] whether an edge into the group can score anything but exactly 0, in wiring order."""
        differ = self._recorded.writes_differ
        return np.concatenate(
            [
                differ[:n] & self._leads_on(reader)
                for reader, n in zip(group.readers, self._n_sources(group), strict=True)
            ]
        )

    def _leads_on(self, reader: int) -> bool:
        """Whether the circuit still reads something that depends on this reader."""
        component = self._wiring.readers[reader].component
        if component == LOGITS:
            return True
        fed = self._wiring.writers_fed_by(component)
        return any(self._is_read[self._wiring.writer_index(writer)] for writer in fed)

    def _decide(self, block: NDArray[np.int64], group: _Group) -> int:
        """Drop the first edges of a block, up to one that has to stay; returns how many were decided on."""
        circuits = np.repeat(self.kept[None], len(block), axis=0)
        for number, edge in enumerate(block):
            circuits[number:, edge] = False
        values = kept(lambda: self._recorded.values(circuits, group))
        effects = (np.concatenate([self._value[None], values[:-1]]) - values).T.astype(np.float32)
        stays = self._method.strength(effects.mean(axis=0, dtype=np.float64)) >= self._tau
        n_dropped = int(stays.argmax()) if stays.any() else len(block)
        n_decided = min(n_dropped + 1, len(block))
        self.effects[:, block[:n_decided]] = effects[:, :n_decided]
        self.kept[block[:n_dropped]] = False
        if n_dropped:
            self._value = values[n_dropped - 1]
        return n_decided
