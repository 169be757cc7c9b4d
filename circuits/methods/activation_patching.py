"""Activation patching: the exact effect of replacing one part's output by its value from the other prompt.

For each layer the clean run is resumed right after the patched part, with all heads of the layer stacked on the batch
axis; a head's new contribution is (z' - z) W_O, so per-head outputs are never built for the whole model. What cannot
change is not computed: positions before the first patched one, and the last layer anywhere but at the answer.

Source: Vig et al. 2020 (causal mediation); Meng et al. 2022 for restoring; Heimersheim & Nanda 2024 for the terms.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from circuits.components import Component, head, mlp
from circuits.methods.base import Method
from circuits.metrics import Metric
from circuits.prompts import PromptSet
from circuits.scores import ALL_POSITIONS, ComponentScores

if TYPE_CHECKING:
    from torch import Tensor

    from circuits.batches import Batch, Pair
    from circuits.forward import Forward, Run
    from circuits.models import Model

Part = Literal["head", "attention", "mlp", "residual"]
Direction = Literal["corrupt", "restore"]
Granularity = Literal["all", "roles", "positions"]


@dataclass(frozen=True)
class ActivationPatching(Method):
    """The exact effect of every head, attention output, MLP and residual position, by patching it alone.

    direction  `corrupt`: clean run with the part's value from the corrupt run, score = clean - patched.
               `restore`: corrupt run with the part's value from the clean run, score = patched - corrupt.
               Positive supports the behaviour either way.
    at         `all` positions at once, each token role (`roles`), or each position (`positions`)
    parts      which kinds of component to patch; `residual` rL is the stream entering layer L, the last one the final
               stream
    """

    name = "activation-patching"
    summary = "exact effect of each head, attention output, MLP and residual position"
    result = "components"

    direction: Direction = "corrupt"
    at: Granularity = "all"
    parts: tuple[Part, ...] = ("head", "attention", "mlp", "residual")

    def __post_init__(self) -> None:
        for name, value, known in (
            ("direction", [self.direction], get_args(Direction)),
            ("at", [self.at], get_args(Granularity)),
            ("parts", self.parts, get_args(Part)),
        ):
            if not value or not set(value) <= set(known):
                raise ValueError(
                    f"activation-patching: {name}={', '.join(map(repr, value))}. Known: {', '.join(known)}."
                )
        object.__setattr__(self, "parts", tuple(self.parts))

    def score(self, model: Model, prompts: PromptSet, *, metric: Metric) -> ComponentScores:
        """Exact scores [prompt, place, component]. Cost: about half a forward pass per component and place."""
        from circuits.batches import batches, record_pair

        self.check(model, prompts, metric)
        components = tuple(self._components(model))
        places = self._places(prompts)
        scores = np.zeros((len(prompts), len(places), len(components)), dtype=np.float32)
        measured = np.zeros(scores.shape, dtype=np.bool_)
        for batch in batches(prompts, model.forward):
            pair = record_pair(model.forward, batch, metric)
            for number, place in enumerate(places):
                found = self._at_place(model.forward, pair, place, components)
                if found is not None:
                    rows = np.asarray(batch.numbers)
                    scores[rows, number] = np.where(found.has_place[:, None], found.scores, 0)
                    measured[rows, number] = found.has_place[:, None]
        provenance = self.provenance(model, prompts, metric)
        return ComponentScores(model.wiring, components, places, scores, measured, provenance)

    def _components(self, model: Model) -> Iterator[Component]:
        wiring = model.wiring
        for layer in range(wiring.n_layers):
            if "residual" in self.parts:
                yield Component("residual", layer)
            if "head" in self.parts:
                yield from (head(layer, index) for index in range(wiring.n_heads))
            if "attention" in self.parts:
                yield Component("attention", layer)
            if "mlp" in self.parts and wiring.has_mlps:
                yield mlp(layer)
        if "residual" in self.parts:
            yield Component("residual", wiring.n_layers)

    def _places(self, prompts: PromptSet) -> tuple[str, ...]:
        if self.at == "all":
            return (ALL_POSITIONS,)
        if self.at == "roles":
            return prompts.roles
        return tuple(str(position) for position in range(max(map(len, prompts))))

    def _at_place(
        self, forward: Forward, pair: Pair, place: str, components: Sequence[Component]
    ) -> PlaceScores | None:
        """Scores of one batch at one place, or None where no prompt of the batch has that place."""
        import torch

        mask = self._mask(pair.batch, place)
        has_place = mask.any(1).cpu().numpy()
        if not has_place.any():
            return None
        base, donor = (pair.clean, pair.corrupt) if self.direction == "corrupt" else (pair.corrupt, pair.clean)
        with torch.no_grad():
            unpatched = pair.metric_of(forward, base)
            patched = _patched_metrics(forward, pair, base, donor, mask, components)
            difference = unpatched - patched if self.direction == "corrupt" else patched - unpatched
        return PlaceScores(difference.T.float().cpu().numpy(), has_place)

    def _mask(self, batch: Batch, place: str) -> Tensor:
        """[prompt, position] where to patch."""
        import torch

        if self.at == "roles":
            return batch.positions_of(place)
        mask = torch.zeros(batch.clean.shape, dtype=torch.bool, device=batch.clean.device)
        if self.at == "all":
            return ~mask
        if int(place) < batch.n_positions:
            mask[:, int(place)] = True
        return mask


class PlaceScores(NamedTuple):
    """scores [prompt, component] and has_place [prompt] of one batch."""

    scores: NDArray[np.float32]
    has_place: NDArray[np.bool_]


def _patched_metrics(
    forward: Forward, pair: Pair, base: Run, donor: Run, mask: Tensor, components: Sequence[Component]
) -> Tensor:
    """The metric [component, prompt] of `base` with one component's values taken from `donor` where `mask` is set.

    mask  [prompt, position] over the whole prompt
    """
    import torch

    batch = pair.batch
    unpatched = pair.metric_of(forward, base)
    result = unpatched.expand(len(components), -1).clone()
    start = _first_changed(forward, batch, mask)
    if start is None:
        return result
    base, donor, mask = base.from_position(start), donor.from_position(start), mask[:, start:]
    at_answer = torch.gather(mask, 1, (batch.rows - start).unsqueeze(1)).any()
    for layer in range(forward.n_layers + 1):
        chosen = [number for number, component in enumerate(components) if component.layer == layer]
        # Past the last attention a position is read by nobody but itself.
        if layer >= forward.n_layers - 1 and not at_answer:
            chosen = [number for number in chosen if components[number].kind == "residual" and layer < forward.n_layers]
        n_positions = mask.shape[1]
        for part in forward.chunks(len(chosen), len(batch), n_positions):
            numbers = chosen[part]
            patched = _Layer(forward, base, donor, mask, layer, batch.rows).patched([components[n] for n in numbers])
            result[numbers] = pair.readout(_to_the_end(forward, base, layer, patched, batch.rows))
    return result


def _first_changed(forward: Forward, batch: Batch, mask: Tensor) -> int | None:
    """First position that a patch under `mask` can change, or None where it can change no answer."""
    if not forward.is_causal:
        return 0
    positions = mask[:, batch.start :].any(0).nonzero()
    if len(positions) == 0:
        return None
    start = batch.start + int(positions[0])
    # Every prompt is read at or after `start`, or the run could not be cut there.
    return (
        start if start <= int(batch.rows.min()) else (None if start > int(batch.rows.max()) else int(batch.rows.min()))
    )


class _Patched(NamedTuple):
    """Patched streams, stacked [variant x prompt, position, d_model], by where the run goes on."""

    entering: Tensor | None  # the stream entering the layer: residual patches
    leaving: Tensor | None  # the stream leaving it, all others; of the last layer, at the answers only
    order: list[int]  # variant numbers: entering first, then leaving


@dataclass(frozen=True)
class _Layer:
    """Builds the patched streams of one layer; in the last layer all but those of `residual` at the answers only."""

    forward: Forward
    base: Run
    donor: Run
    mask: Tensor
    layer: int
    rows: Tensor

    def patched(self, components: Sequence[Component]) -> _Patched:
        import torch

        entering = [number for number, component in enumerate(components) if component.kind == "residual"]
        heads = [number for number, component in enumerate(components) if component.kind == "head"]
        whole = [number for number, component in enumerate(components) if component.kind in ("attention", "mlp")]
        indices = [components[number].index for number in heads]
        leaving = [
            *([self._heads(indices)] if heads else []),
            *(self._whole(components[number].kind) for number in whole),
        ]
        return _Patched(
            self._entering() if entering else None,
            torch.cat(leaving) if leaving else None,
            entering + heads + whole,
        )

    def _entering(self) -> Tensor:
        """The stream entering the layer, with the other prompt's where the mask is set."""
        base, donor = self.base.residual[self.layer], self.donor.residual[self.layer]
        return base + (donor - base) * self.mask.unsqueeze(-1)

    def _needed(self, values: Sequence[Tensor], layer: int | None = None) -> Tensor:
        """A run's values in this layer [prompt, position, ...], at the positions that are still needed."""
        found = values[self.layer if layer is None else layer]
        if self.layer < self.forward.n_layers - 1:
            return found
        return self.forward.at_rows(found, self.rows, self.base.start).unsqueeze(1)

    def _change(self, base: Sequence[Tensor], donor: Sequence[Tensor]) -> Tensor:
        """What the patch adds [prompt, position, ...]."""
        mask = self._needed([self.mask], 0)
        change = self._needed(donor) - self._needed(base)
        return change * mask.view(*mask.shape, *[1] * (change.ndim - 2))

    def _heads(self, indices: Sequence[int | None]) -> Tensor:
        """The stream leaving the layer, one variant per head."""
        import torch

        part = self.forward.layers[self.layer]
        chosen = torch.tensor(indices, device=self.mask.device)
        base_z, attention = self._needed(self.base.z), self._needed(self.base.attention)
        change = self._change(self.base.z, self.donor.z)
        return self._leaving(part.attention_with_one_head_changed(base_z, attention, change, chosen).flatten(0, 1))

    def _whole(self, kind: str) -> Tensor:
        """The stream leaving the layer when all of its attention, or its MLP, is patched."""
        if kind == "mlp":
            return self._needed(self.base.residual, self.layer + 1) + self._change(self.base.mlp, self.donor.mlp)
        return self._leaving(
            self._needed(self.base.attention) + self._change(self.base.attention, self.donor.attention)
        )

    def _leaving(self, attention: Tensor) -> Tensor:
        """The stream leaving the layer, from what its attention adds [variant x prompt, position, d_model]."""
        from circuits.layers import tiled

        part = self.forward.layers[self.layer]
        residual = tiled(self._needed(self.base.residual), len(attention))
        mlp_out = None
        if part.mlp is not None and part.is_parallel:
            mlp_out = tiled(self._needed(self.base.mlp), len(attention))
        return self.forward.rest_of_layer(self.layer, residual, attention, mlp=mlp_out)


def _to_the_end(forward: Forward, base: Run, layer: int, patched: _Patched, rows: Tensor) -> Tensor:
    """Final streams [variant x prompt, d_model] at the answers, in the order of the components."""
    import torch

    finals = []
    if patched.entering is not None:
        finals.append(forward.resume(base, layer, patched.entering, rows))
    if patched.leaving is not None:
        is_last = layer == forward.n_layers - 1
        finals.append(patched.leaving[:, 0] if is_last else forward.resume(base, layer + 1, patched.leaving, rows))
    stacked = torch.cat(finals).unflatten(0, (len(patched.order), -1))
    return stacked[torch.tensor(patched.order).argsort().to(stacked.device)].flatten(0, 1)
