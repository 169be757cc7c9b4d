"""Path patching: how much of a sender's effect runs directly into given receivers.

For every sender head: (a) the clean run with the sender's output from the corrupt prompt and every other head frozen to
its clean output, MLPs recomputed (or frozen too); what the receivers then read is recorded. (b) the clean run with
nothing but the recorded receiver inputs patched in. score = metric(clean) - metric(b).

With the heads frozen, positions do not mix, so (a) is no forward pass: the sender's change is carried along the
residual stream through the MLPs at the patched positions alone, for all senders of a layer at once. Into the logits,
(b) needs no forward pass either. Elsewhere it resumes at the first receiver's layer.

Source: Wang et al. 2022 (all positions); Goldowsky-Dill et al. 2023; Merullo et al. 2024, whose code patches and
freezes at one position, END by default. They report (patched - clean) / (corrupt - clean): our score over the gap.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from circuits.ablations import Ablation
from circuits.arrays import Bools, Floats
from circuits.components import LOGITS, Component, Port, Reader, Wiring, head
from circuits.data.prompts import END, PromptSet
from circuits.methods.base import CORRUPT, Method
from circuits.methods.registry import register
from circuits.metrics import Metric
from circuits.scores import ALL_POSITIONS, ComponentScores

if TYPE_CHECKING:
    from torch import Tensor

    from circuits.effects.paired_runs import Pair
    from circuits.model.batches import Batch
    from circuits.model.forward import Forward, Site
    from circuits.model.load import Model

Stage = Literal["queries", "values", "keys"]
_PORT_OF_STAGE: dict[Stage, Port] = {"queries": "q", "values": "v", "keys": "k"}


@register
@dataclass(frozen=True)
class PathPatching(Method):
    """The effect of each head along its direct paths into the receivers, other heads held at their clean outputs.

    Cost into the logits: the MLPs at the patched positions. Else half a forward pass per sender and stage.

    receivers    readers by name: ("logits",) alone, or ("a9.h9<q>", "a10.h0<q>"), ("a3.kv1<v>",) with grouped keys,
                 ("m3",)
    at           role at whose position the sender is patched and the heads are frozen, or `all` for every position. By
                 default END, as in Merullo et al.; with stages, and into keys and values, `all`, because these are read
                 elsewhere
    freeze_mlps  hold MLPs between sender and receivers at their clean outputs too: direct paths only
    stages       a backward search: ("queries", "values", "keys") goes on to the queries of the heads found with
                 `receivers`, to the values of the heads found with those, and to their keys
    top          how many heads each stage passes on, by |mean score|: a share of all heads (below 1) or a number
    """

    name = "path-patching"
    summary = "exact effect of each head along its paths into given receivers, or stage by stage back from the logits"
    scores_are = "measured"
    result = "components"
    scored_in = ("measure", 2)  # into keys and values, senders are patched at every position

    receivers: tuple[str, ...] = ("logits",)
    at: str | None = None
    freeze_mlps: bool = False
    stages: tuple[Stage, ...] = ()
    top: float = 0.02

    def __post_init__(self) -> None:
        object.__setattr__(self, "receivers", tuple(self.receivers))
        object.__setattr__(self, "stages", tuple(self.stages))
        if not self.receivers:
            raise ValueError("path-patching: no receiver is given. Name readers, such as 'logits' or 'a9.h9<q>'.")
        parsed = [Reader.parse(name) for name in self.receivers]
        if Reader(LOGITS) in parsed and len(parsed) > 1:
            raise ValueError(
                "path-patching: 'logits' is given beside other receivers. Patching the final stream overwrites what "
                "they change: run two path patchings, one into 'logits'."
            )
        if not set(self.stages) <= set(_PORT_OF_STAGE) or len(set(self.stages)) < len(self.stages):
            raise ValueError(
                f"path-patching: stages={', '.join(self.stages)}. Known, each at most once: "
                f"{', '.join(_PORT_OF_STAGE)}."
            )
        if not self.top > 0:
            raise ValueError(f"path-patching: top={self.top}. Give a share of the heads below 1, or a number of heads.")

    @property
    def position(self) -> str:
        """Where senders are patched."""
        reads_elsewhere = self.stages or any(receiver.port in ("k", "v") for receiver in self._receivers())
        return self.at or (ALL_POSITIONS if reads_elsewhere else END)

    @property
    def per_prompt(self) -> bool:
        return not self.stages  # a stage's heads are those of the mean over all prompts

    def check_selection(self, position: str | None) -> None:
        known = ("+".join(self.receivers), *self.stages, ALL_POSITIONS) if self.stages else (self.position,)
        if position is not None and position not in known:
            raise ValueError(f"path-patching has no scores at position={position!r}. It has: {', '.join(known)}.")

    def check(self, model: Model, prompts: PromptSet, metric: Metric, ablation: Ablation = CORRUPT) -> None:
        """Also raises a ValueError for a receiver the model lacks, for receivers that no head runs before, for a role
        that a prompt lacks, and where answers of several tokens are read after the end of the prompt, which is where
        senders are patched by default.
        """
        super().check(model, prompts, metric, ablation)
        for receiver in self._receivers():
            model.wiring.reader_index(receiver)
        if not any(_reads_at(receiver, model.wiring) for receiver in self._receivers()):
            raise ValueError(
                f"path-patching into {', '.join(self.receivers)}: no head runs before, so no path leads there from "
                "one. Name receivers in later layers, or 'logits'."
            )
        if self.at is None and self.position == END and (n_long := sum(prompt.has_long_answers for prompt in prompts)):
            raise ValueError(
                f"path-patching patches at {END!r} unless another position is given, where only the first token of an "
                f"answer is predicted; answers of {n_long} of {len(prompts)} prompts have several. Set at=all, or "
                f"at={END} if that is meant."
            )
        if self.position != ALL_POSITIONS:
            lacking = [number for number, prompt in enumerate(prompts) if self.position not in prompt.roles]
            if lacking:
                raise ValueError(
                    f"path-patching at {self.position!r}: {len(lacking)} of {len(prompts)} prompts lack that role (the "
                    f"first is prompt {lacking[0]}). Roles: {', '.join(prompts.roles)}; or 'all'."
                )

    def score(
        self, model: Model, prompts: PromptSet, *, metric: Metric, ablation: Ablation = CORRUPT
    ) -> ComponentScores:
        """Exact scores [prompt, position, sender head]. Heads that run after every receiver's layer are not measured.

        The position is where it was patched. With stages, the positions are the receivers, the stages, and last `all`,
        where a head has its scores from the stage in which its mean is largest in magnitude.
        """
        self.check(model, prompts, metric, ablation)
        stages = [self._into(model, prompts, self._receivers(), metric, ablation)]
        for stage in self.stages:
            receivers = self._receivers_of(stage, stages[-1], model.wiring)
            stages.append(self._into(model, prompts, receivers, metric, ablation))
        positions = (self.position,)
        if self.stages:
            positions = ("+".join(self.receivers), *self.stages, ALL_POSITIONS)
            stages.append(_strongest(stages))
        scores, measured = (np.stack(values, axis=1) for values in zip(*stages, strict=True))
        provenance = self.provenance(model, prompts, metric, ablation)
        return ComponentScores(model.wiring, _heads(model.wiring), positions, scores, measured, provenance)

    def _into(
        self,
        model: Model,
        prompts: PromptSet,
        receivers: tuple[Reader, ...],
        metric: Metric,
        ablation: Ablation,
    ) -> _StageScores:
        """Scores of all heads along their paths into some receivers."""
        from circuits.effects.paired_runs import each_pair

        senders = _heads(model.wiring)
        last = max((_reads_at(receiver, model.wiring) for receiver in receivers), default=0)
        reaches = np.array([sender.layer is not None and sender.layer < last for sender in senders])
        scores = np.zeros((len(prompts), len(senders)), dtype=np.float32)

        def measure(pair: Pair) -> None:
            mask = self._mask(pair.batch)
            paths = _Paths(model.forward, model.wiring, pair, receivers, mask, self.freeze_mlps)
            scores[np.asarray(pair.batch.prompt_indices)] = paths.scores().T.cpu().numpy()

        if reaches.any():
            each_pair(model, prompts, metric, ablation, measure)
        return _StageScores(scores * reaches, np.broadcast_to(reaches, scores.shape).copy())

    def _receivers_of(self, stage: Stage, previous: _StageScores, wiring: Wiring) -> tuple[Reader, ...]:
        """The readers of a stage: ports of the heads that the stage before it passes on."""
        n_heads = round(self.top * previous.scores.shape[1]) if self.top < 1 else int(self.top)
        strength = np.where(previous.measured[0], np.abs(previous.scores.mean(axis=0, dtype=np.float64)), 0)
        # A head without any effect is no find: it would be one only for coming first in the model.
        best = [n for n in np.argsort(-strength, kind="stable")[: max(1, n_heads)] if strength[n] > 0]
        heads = [_heads(wiring)[number] for number in best]
        port = _PORT_OF_STAGE[stage]
        owners = heads if port == "q" else [wiring.group_of_head(of) for of in heads]
        return tuple(Reader(owner, port) for owner in dict.fromkeys(owners))

    def _receivers(self) -> tuple[Reader, ...]:
        return tuple(Reader.parse(name) for name in self.receivers)

    def _mask(self, batch: Batch) -> Tensor:
        """[prompt, position] where to patch and freeze, from the batch's start on."""
        import torch

        if self.position == ALL_POSITIONS:
            return torch.ones_like(batch.clean[:, batch.start :], dtype=torch.bool)
        return batch.positions_of(self.position)[:, batch.start :]


class _StageScores(NamedTuple):
    """Scores of one stage: scores and measured, both [prompt, head]."""

    scores: Floats
    measured: Bools


def _heads(wiring: Wiring) -> tuple[Component, ...]:
    """All heads, by layer."""
    return tuple(head(layer, index) for layer in range(wiring.n_layers) for index in range(wiring.n_heads))


def _strongest(stages: Sequence[_StageScores]) -> _StageScores:
    """Each head's scores from the stage in which its mean is largest in magnitude."""
    strength = [np.where(stage.measured[0], np.abs(stage.scores.mean(axis=0)), -1) for stage in stages]
    best = np.argmax(strength, axis=0)
    numbers = np.arange(len(best))
    scores, measured = (np.stack(values)[best, :, numbers].T for values in zip(*stages, strict=True))
    return _StageScores(scores, measured)


def _reads_at(receiver: Reader, wiring: Wiring) -> float:
    """Heads of the layers before this one reach the receiver."""
    if receiver.component == LOGITS:
        return wiring.n_layers
    layer = receiver.component.layer
    assert layer is not None
    # An MLP reads the heads of its own layer, unless they run in parallel.
    return layer + 1 if receiver.component.in_mlp and not wiring.is_parallel else layer


@dataclass(frozen=True)
class _Paths:
    """Path patching of one batch.

    mask  [prompt, position] where the sender is patched and heads are frozen
    """

    forward: Forward
    wiring: Wiring
    pair: Pair
    receivers: tuple[Reader, ...]
    mask: Tensor
    freeze_mlps: bool

    def scores(self) -> Tensor:
        """[sender, prompt] clean minus patched metric, senders by layer and head."""
        import torch

        with torch.no_grad():
            clean = self.pair.metric_of(self.forward, self.pair.clean)
            patched = clean.expand(self.wiring.n_layers * self.wiring.n_heads, -1).clone()
            n_prompts, n_positions = self.mask.shape
            for layer in range(self.wiring.n_layers):
                for part in self.forward.chunks(self.wiring.n_heads, n_prompts, n_positions):
                    indices = range(self.wiring.n_heads)[part]
                    received = self._received(layer, indices)
                    if received:
                        senders = [layer * self.wiring.n_heads + index for index in indices]
                        patched[senders] = self._with_received(received, len(indices))
            return (clean - patched).float()

    def _received(self, layer: int, indices: Sequence[int]) -> dict[Reader, Tensor]:
        """What each receiver reads when one head of `layer` is corrupted and all other heads are frozen.

        Reader -> [variant x prompt, position, d_model]; receivers before the sender are left out.
        """
        clean = self.pair.clean
        wanted = defaultdict(list)
        for receiver in self.receivers:
            wanted[receiver.component.layer if receiver.component != LOGITS else self.wiring.n_layers].append(receiver)
        received: dict[Reader, Tensor] = {}
        change = self._sender_change(layer, indices)
        for number in range(layer, self.wiring.n_layers):
            part = self.forward.layers[number]
            heads_in = clean.residual[number] if number > layer else None
            for receiver in wanted[number]:
                if receiver.component.in_mlp:
                    if not (part.is_parallel and heads_in is None):
                        received[receiver] = (self.forward.mlp_in(clean, number) + change).flatten(0, 1)
                elif heads_in is not None:
                    received[receiver] = (heads_in + change).flatten(0, 1)
            if part.mlp is not None and not self.freeze_mlps and not (part.is_parallel and heads_in is None):
                inputs = (self.forward.mlp_in(clean, number) + change).flatten(0, 1)
                mlp = part.mlp_out(inputs).unflatten(0, change.shape[:2])
                change = change + (mlp - clean.mlp[number]) * self.mask.unsqueeze(-1)
        for receiver in wanted[self.wiring.n_layers]:
            received[receiver] = (clean.residual[-1] + change).flatten(0, 1)
        return received

    def _sender_change(self, layer: int, indices: Sequence[int]) -> Tensor:
        """What corrupting each head adds to the stream [variant, prompt, position, d_model]."""
        import torch

        part, clean = self.forward.layers[layer], self.pair.clean
        chosen = torch.tensor(list(indices), device=self.mask.device).unsqueeze(1)
        gap = (self.pair.ablated.z[layer] - clean.z[layer]) * self.mask[..., None, None]
        attention = clean.attention[layer]
        return part.attention_with_heads_changed(clean.z[layer], attention, gap, chosen) - attention

    def _with_received(self, received: dict[Reader, Tensor], n_variants: int) -> Tensor:
        """The metric [variant, prompt] of the clean run with the recorded receiver inputs patched in."""
        from circuits.model.forward import Earlier
        from circuits.model.layers import tiled

        clean, read_positions = self.pair.clean, self.pair.batch.read_positions
        if Reader(LOGITS) in received:
            return self.pair.readout(self.forward.at_rows(received[Reader(LOGITS)], read_positions, clean.start))
        first = min(reader.component.layer for reader in received if reader.component.layer is not None)
        final = self.forward.run(
            tiled(clean.residual[first], n_variants * len(read_positions)),
            n_positions=self.pair.batch.n_positions,
            first_layer=first,
            start=clean.start,
            earlier=Earlier(clean.key, clean.value),
            tap=self._putting_in(received, n_variants),
        )
        return self.pair.readout(self.forward.at_rows(final, read_positions, clean.start))

    def _putting_in(self, received: dict[Reader, Tensor], n_variants: int) -> _PutIn:
        from circuits.model.layers import tiled

        projections: dict[tuple[int, str], list[tuple[int, Tensor]]] = defaultdict(list)
        mlps: dict[int, Tensor] = {}
        mask = tiled(self.mask, n_variants * len(self.mask))
        for reader, stream in received.items():
            layer = reader.component.layer
            if layer is None:
                continue
            if reader.port is None:
                mlps[layer] = stream
                continue
            part = self.forward.layers[layer]
            values = getattr(part.project(part.normed(stream)), reader.port)
            assert reader.component.index is not None
            projections[layer, reader.port].append((reader.component.index, values[:, :, reader.component.index]))
        return _PutIn(projections, mlps, mask)


@dataclass(frozen=True)
class _PutIn:
    """A tap that puts recorded inputs into receivers where the mask is set, and leaves everything else as it is."""

    projections: dict[tuple[int, str], list[tuple[int, Tensor]]]
    mlps: dict[int, Tensor]
    mask: Tensor

    def __call__(self, layer: int, site: Site, value: Tensor) -> Tensor:
        import torch

        if site == "mlp_in" and layer in self.mlps:
            return torch.where(self.mask.unsqueeze(-1), self.mlps[layer], value)
        for index, recorded in self.projections.get((layer, site), ()):
            value = value.clone()
            value[:, :, index] = torch.where(self.mask.unsqueeze(-1), recorded, value[:, :, index])
        return value
