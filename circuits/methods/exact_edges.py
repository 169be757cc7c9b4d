"""Exact edge effects: what corrupting each single edge really does, measured one edge at a time.

The reader of an edge sees the clean stream with one source's corrupt value in place of its clean one; everything after
the reader is run again. Only that: the run resumes inside the reader's layer, one source's change is normed and
projected once for all heads and ports of a layer, edges are stacked on the batch axis, and edges into the logits need
no layer at all. In the last layer, only the answer's position is run.

Source: the definition of an edge's effect in Conmy et al. 2023 (ACDC) and Syed et al. 2023, without approximation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from circuits.ablations import Ablation
from circuits.arrays import Bools
from circuits.citations import CONMY_2023, SYED_2023
from circuits.components import Component, Edge, Wiring
from circuits.data.prompts import PromptSet
from circuits.methods.base import CORRUPT, EdgeMethod, GradientMethod, Method
from circuits.methods.first_estimate import estimated, estimating
from circuits.methods.registry import register
from circuits.metrics import Metric
from circuits.model.steps import Steps, kept_tensor, slices, steps, whole
from circuits.scores import EdgeScores

if TYPE_CHECKING:
    from torch import Tensor

    from circuits.effects.paired_runs import Pair
    from circuits.model.forward import Forward
    from circuits.model.load import Model

# In forward passes: what an edge takes on average, which is run from its layer on; a point of a screen, which takes a
# gradient and its products with all edges; and what comes first, as measured on SmolLM2-135M.
_OF_EDGE, _OF_POINT, _OF_FIRST = 0.5, 6.0, 10.0


@register
@dataclass(frozen=True)
class ExactEdges(EdgeMethod):
    """The true effect of corrupting each single edge.

    Cost: about half a forward pass per edge, less for late layers; plus that of the screen.

    edges      names of the edges to measure, such as ("a0.h1->a2.h3<q>",); empty for all. The others are not measured
    screen     an edge method, such as `eap-ig`, that first ranks all edges (or the given ones) by |mean score|
    contested  how many of the top-ranked edges to measure: a share of the ranking (at most 1) or a number. Edges that
               rank lower are ruled out of any circuit, and marked as not measured
    """

    name = "exact-edges"
    cites = (CONMY_2023, SYED_2023)
    summary = "the true effect of corrupting each single edge, one at a time"
    scores_are = "measured"

    edges: tuple[str, ...] = ()
    screen: str | None = None
    contested: float = 0.1

    def __post_init__(self) -> None:
        object.__setattr__(self, "edges", tuple(self.edges))
        if not self.contested > 0:
            raise ValueError(
                f"exact-edges: contested={self.contested}. Give a share of the edges up to 1, or a number of edges."
            )
        if self.screen is not None:
            self._screening()

    @property
    def per_prompt(self) -> bool:
        return self.screen is None  # the ranking is that of the mean over all prompts

    @property
    def measures_named_edges(self) -> bool:
        return bool(self.edges)

    @property
    def named_parts(self) -> tuple[Component, ...]:
        return tuple(part for edge in map(Edge.parse, self.edges) for part in (edge.source, edge.target))

    def check(self, model: Model, prompts: PromptSet, metric: Metric, ablation: Ablation = CORRUPT) -> None:
        """Also raises a ValueError for an edge that the model does not have."""
        super().check(model, prompts, metric, ablation)
        self._named(model.wiring)
        if self.screen is not None:
            self._screening().check(model, prompts, metric, ablation)

    def check_asked(self, prompts: PromptSet, metric: Metric, ablation: Ablation = CORRUPT) -> None:
        super().check_asked(prompts, metric, ablation)
        if self.screen is not None:
            self._screening().check_asked(prompts, metric, ablation)

    def score(self, model: Model, prompts: PromptSet, *, metric: Metric, ablation: Ablation = CORRUPT) -> EdgeScores:
        """Exact scores [prompt, edge] of the wanted edges; 0 and not measured for the others."""

        self.check(model, prompts, metric, ablation)
        named = self._named(model.wiring)
        with whole():
            if self.screen is None:
                return self._measured(model, prompts, metric, ablation, named)
            screening = self._screening()
            n_points = screening.n_points if isinstance(screening, GradientMethod) else 0
            of_screen = _OF_FIRST + _OF_POINT * n_points
            of_measuring = _OF_EDGE * self._n_contested(int(named.sum()))
            told = Steps(of_screen + of_measuring)
            with told.next_step(of_screen):
                estimate = estimated(screening, model, prompts, metric, ablation, refusal=self._no_ranking)
            with told.next_step(of_measuring):
                return self._measured(model, prompts, metric, ablation, self._contested(named, estimate))

    def _measured(
        self, model: Model, prompts: PromptSet, metric: Metric, ablation: Ablation, wanted: Bools
    ) -> EdgeScores:
        from circuits.effects.paired_runs import each_pair

        scores = np.zeros((len(prompts), model.wiring.n_edges), dtype=np.float32)

        def measure(pair: Pair) -> None:
            effects = edge_corruptions(model.forward, model.wiring, pair, wanted)
            scores[np.asarray(pair.batch.prompt_indices)] = effects.T.cpu().numpy()

        at_once = model.forward.prompts_with_writers_at_once(prompts.n_positions)
        each_pair(model, prompts, metric, ablation, measure, at_once=at_once)
        return EdgeScores(model.wiring, scores, wanted, self.provenance(model, prompts, metric, ablation))

    def _named(self, wiring: Wiring) -> Bools:
        """[edge] which edges may be measured."""
        if not self.edges:
            return np.ones(wiring.n_edges, dtype=np.bool_)
        wanted = np.zeros(wiring.n_edges, dtype=np.bool_)
        wanted[[wiring.edge_index(Edge.parse(name)) for name in self.edges]] = True
        return wanted

    def _screening(self) -> Method:
        return estimating(str(self.screen), "screen of exact-edges")

    @property
    def _no_ranking(self) -> str:
        return (
            f"exact-edges: every edge scores 0 by its screen {self.screen!r}, which so ranks none before another. "
            "Choose another screen, or leave it out to measure all edges."
        )

    def _contested(self, named: Bools, estimate: EdgeScores) -> Bools:
        """[edge] the named edges that the estimate ranks highest."""
        ranking = estimate.ranking(absolute=True)
        ranking = ranking[named[ranking]]
        wanted = np.zeros(len(named), dtype=np.bool_)
        wanted[ranking[: self._n_contested(len(ranking))]] = True
        return wanted

    def _n_contested(self, n_named: int) -> int:
        return max(1, round(self.contested * n_named) if self.contested <= 1 else int(self.contested))


def edge_corruptions(forward: Forward, wiring: Wiring, pair: Pair, wanted: Bools) -> Tensor:
    """Clean minus corrupted metric [edge, prompt] of every wanted edge; 0 for the others."""
    import torch

    from circuits.effects.contributions import gaps_between, writer_gaps

    with torch.no_grad():
        clean = pair.metric_of(forward, pair.clean)
        patched = clean.expand(wiring.n_edges, -1).clone()
        changes = -writer_gaps(forward, gaps_between(pair.clean, pair.ablated))
        measure = _Edges(forward, wiring, pair, changes.transpose(0, 1), wanted, patched)
        n_into = np.add.reduceat(wanted.astype(np.float64), wiring.edge_offsets[:-1])[:-1].reshape(forward.n_layers, -1)
        # Edges of a layer, each of which is run from there on.
        n_run = n_into.sum(axis=1) * np.arange(forward.n_layers, 0, -1)
        for layer in steps(range(forward.n_layers), list(n_run)):
            heads, *mlp = np.split(n_into[layer], [wiring.readers_per_layer - wiring.has_mlps])[: 1 + wiring.has_mlps]
            for into in steps(measure.into_layer(layer), [float(part.sum()) for part in (heads, *mlp)]):
                into()
        measure.into_logits()
        return (clean - patched).float()


Leaving: TypeAlias = "Callable[[int, Tensor], Tensor]"
"""The stream leaving a layer [variant x prompt, ...], from a change [variant, prompt, position, d_model] within it."""


@dataclass(frozen=True)
class _Edges:
    """Measures the edges into each layer's readers.

    changes  [writer, prompt, position, d_model] corrupt minus clean output
    patched  [edge, prompt] the metric, filled in place
    """

    forward: Forward
    wiring: Wiring
    pair: Pair
    changes: Tensor
    wanted: Bools
    patched: Tensor

    def into_layer(self, layer: int) -> list[Callable[[], None]]:
        """What measures the edges into a layer's heads, and into its MLP where it has one."""
        return [lambda: self.into_heads(layer), *([lambda: self.into_mlp(layer)] if self.wiring.has_mlps else [])]

    def into_heads(self, layer: int) -> None:
        """Edges into the queries, keys and values of a layer."""
        n_ports = self.wiring.n_heads + 2 * self.wiring.n_kv_heads
        first = layer * self.wiring.readers_per_layer
        readers = range(first, first + n_ports)
        for writers in steps(self._writer_groups(readers, n_variants=n_ports)):
            attention = self._attention_changes(layer, writers)
            self._measure(layer, readers, writers, attention, self._after_attention)

    def into_mlp(self, layer: int) -> None:
        """Edges into a layer's MLP."""
        reader = (layer + 1) * self.wiring.readers_per_layer - 1
        part, clean = self.forward.layers[layer], self.pair.clean
        reads = self.forward.mlp_in(clean, layer)
        for writers in steps(self._writer_groups(range(reader, reader + 1), n_variants=1)):
            changes = self._needed(layer, self.changes[writers].flatten(0, 1)).unflatten(0, (len(writers), -1))
            inputs = (self._needed(layer, reads) + changes).flatten(0, 1)
            mlp = part.mlp_out(inputs).unflatten(0, (len(writers), -1)) - self._needed(layer, clean.mlp[layer])
            self._measure(layer, range(reader, reader + 1), writers, mlp.unsqueeze(1), self._after_mlp)

    def into_logits(self) -> None:
        """Edges into the logits: the final stream changes by the source's change alone."""
        reader, n_sequences = len(self.wiring.readers) - 1, self.pair.batch.n_sequences
        final = self._at_rows(self.pair.clean.residual[-1])
        for writers in self._writer_groups(range(reader, reader + 1), n_variants=1):
            changed = final + self._at_rows(self.changes[writers].flatten(0, 1)).unflatten(0, (-1, n_sequences))
            numbers = self.wiring.edge_offsets[reader] + np.asarray(writers)
            self.patched[numbers] = self.pair.readout(changed.flatten(0, 1))

    def _writer_groups(self, readers: range, *, n_variants: int) -> Iterator[list[int]]:
        """Writers with wanted edges into any of the readers, few enough to be stacked at once."""
        n_sources = self.wiring.n_sources(readers[0])
        offsets = self.wiring.edge_offsets
        table = np.stack([self.wanted[offsets[reader] : offsets[reader] + n_sources] for reader in readers])
        writers = np.flatnonzero(table.any(axis=0)).tolist()
        n_prompts, n_positions = self.changes.shape[1:3]
        is_last = readers[0] >= (self.forward.n_layers - 1) * self.wiring.readers_per_layer
        n_read = self.pair.batch.read_positions.shape[1]
        at_once = self.forward.variants_at_once(n_prompts, n_read if is_last else n_positions)
        size = max(1, at_once // n_variants)
        return (writers[i : i + size] for i in range(0, len(writers), size))

    def _attention_changes(self, layer: int, writers: Sequence[int]) -> Tensor:
        """What each reader's patched input adds to the attention output [writer, reader, prompt, position, d_model]."""
        import torch

        from circuits.model.forward import Earlier
        from circuits.model.layers import QKV, Places, tiled

        part, clean = self.forward.layers[layer], self.pair.clean
        is_last = layer == self.forward.n_layers - 1
        places = Places(clean.start, self.pair.batch.read_positions if is_last else None)
        context = self.forward.context(self.pair.batch.n_positions)[layer]
        inputs = (clean.residual[layer] + self.changes[list(writers)]).flatten(0, 1)
        patched = part.project(part.normed(inputs))
        kept = QKV(*(tiled(values, len(inputs)) for values in part.project(part.normed(clean.residual[layer]))))
        by_port = []
        for port in ("q", "k", "v"):
            z = self.forward.heads_from(
                layer,
                kept._replace(**{port: getattr(patched, port)}),
                context,
                places,
                earlier=Earlier(clean.key, clean.value),
            )
            change = z.unflatten(0, (len(writers), -1)) - self._needed(layer, clean.z[layer])
            per_head = torch.einsum("wbphe,hed->whbpd", change, part.head_weights_o)
            n_readers = part.n_heads if port == "q" else part.n_kv_heads
            by_port.append(per_head.unflatten(1, (n_readers, -1)).sum(2))
        return torch.cat(by_port, dim=1)

    def _after_attention(self, layer: int, change: Tensor) -> Tensor:
        from circuits.model.layers import tiled

        part, clean = self.forward.layers[layer], self.pair.clean
        attention = (self._needed(layer, clean.attention[layer]) + change).flatten(0, 1)
        residual = tiled(self._needed(layer, clean.residual[layer]), len(attention))
        mlp = None
        if part.mlp is not None and part.is_parallel:
            mlp = tiled(self._needed(layer, clean.mlp[layer]), len(attention))
        return self.forward.rest_of_layer(layer, residual, attention, mlp=mlp)

    def _after_mlp(self, layer: int, change: Tensor) -> Tensor:
        return (self._needed(layer, self.pair.clean.residual[layer + 1]) + change).flatten(0, 1)

    def _measure(self, layer: int, readers: range, writers: Sequence[int], changes: Tensor, leaving: Leaving) -> None:
        """Run the patched layer outputs to the end. changes [writer, reader, prompt, position, d_model]"""
        offsets = np.asarray(self.wiring.edge_offsets)[list(readers)]
        numbers = (np.asarray(writers)[:, None] + offsets[None, :]).ravel()
        stacked = changes.flatten(0, 1)
        wanted = np.flatnonzero(self.wanted[numbers])
        for part in slices(self.forward.chunks(len(wanted), stacked.shape[1], stacked.shape[2])):

            def measured(part: slice = part) -> Tensor:
                stream = leaving(layer, stacked[wanted[part]])
                if layer < self.forward.n_layers - 1:
                    stream = self.forward.resume(self.pair.clean, layer + 1, stream, self.pair.batch.read_positions)
                return self.pair.readout(stream)

            self.patched[numbers[wanted[part]]] = kept_tensor(measured, like=self.patched)

    def _needed(self, layer: int, values: Tensor) -> Tensor:
        """Values [variant x prompt, position, ...] of a layer; of the last one, where answers are read alone."""
        if layer < self.forward.n_layers - 1:
            return values
        return self._at_rows(values)

    def _at_rows(self, values: Tensor) -> Tensor:
        return self.forward.at_rows(values, self.pair.batch.read_positions, self.pair.clean.start)
