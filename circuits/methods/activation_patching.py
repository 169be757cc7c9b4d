"""Activation patching: the exact effect of replacing one part's value by that from the other prompt.

For each layer the clean run is resumed right after the patched part, with all heads of the layer stacked on the batch
axis (`circuits.patches`). What cannot change is not computed: positions before the first patched one, and the last
layer anywhere but at the answer.

Source: Vig et al. 2020 (causal mediation); Meng et al. 2022 for restoring; Heimersheim & Nanda 2024 for the terms.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from circuits.components import Component, Kind, head, mlp
from circuits.interventions import Ablation
from circuits.methods.base import CORRUPT, Method
from circuits.metrics import Metric
from circuits.prompts import PromptSet
from circuits.scores import ALL_POSITIONS, ComponentScores

if TYPE_CHECKING:
    from torch import Tensor

    from circuits.batches import Batch, Pair
    from circuits.forward import Forward
    from circuits.models import Model

Part = Literal["head", "attention", "mlp", "residual", "query", "key", "value", "pattern"]
Direction = Literal["corrupt", "restore"]
Granularity = Literal["all", "roles", "positions"]
_INSIDE_ATTENTION: tuple[Kind, ...] = ("query", "key", "value", "pattern")


@dataclass(frozen=True)
class ActivationPatching(Method):
    """The exact effect of every head, attention output, MLP and residual position, by patching it alone.

    Cost: about half a forward pass per component and place, less for late layers and positions.

    direction  `corrupt`: clean run with the part's value from the corrupt run, score = clean - patched.
               `restore`: corrupt run with the part's value from the clean run, score = patched - corrupt.
               Positive supports the behaviour either way.
    at         `all` positions at once, each token role (`roles`), or each position (`positions`)
    parts      which kinds of component to patch: `head` (its z, so its output), `query`, `key`, `value` and attention
               `pattern` of a head, `attention` (a layer's whole output), `mlp`; `residual` rL is the stream entering
               layer L, the last one the final stream
    """

    name = "activation-patching"
    summary = "exact effect of each head (or its q, k, v, pattern), attention output, MLP and residual position"
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

    def check(self, model: Model, prompts: PromptSet, metric: Metric, ablation: Ablation = CORRUPT) -> None:
        """Also raises a ValueError for parts that the ablation gives no value."""
        super().check(model, prompts, metric, ablation)
        inner = [part for part in self.parts if part in _INSIDE_ATTENTION]
        if not ablation.is_run and (inner or self.direction == "restore"):
            asked = ", ".join(inner) if inner else "restoring"
            raise ValueError(
                f"activation-patching of {asked} needs a whole run to take values from; ablation {ablation.name!r} "
                "only says what components write. Use 'corrupt' or 'noise'."
            )

    def score(
        self, model: Model, prompts: PromptSet, *, metric: Metric, ablation: Ablation = CORRUPT
    ) -> ComponentScores:
        """Exact scores [prompt, place, component]."""
        from circuits.batches import each_pair

        self.check(model, prompts, metric, ablation)
        components = tuple(self._components(model))
        places = self._places(prompts)
        scores = np.zeros((len(prompts), len(places), len(components)), dtype=np.float32)
        measured = np.zeros(scores.shape, dtype=np.bool_)

        def measure(pair: Pair) -> None:
            rows = np.asarray(pair.batch.numbers)
            for number, place in enumerate(places):
                found = self._at_place(model.forward, pair, place, components)
                if found is not None:
                    scores[rows, number] = np.where(found.has_place[:, None], found.scores, 0)
                    measured[rows, number] = found.has_place[:, None]

        each_pair(model, prompts, metric, ablation, measure)
        provenance = self.provenance(model, prompts, metric, ablation)
        return ComponentScores(model.wiring, components, places, scores, measured, provenance)

    def _components(self, model: Model) -> Iterator[Component]:
        wiring = model.wiring
        for layer in range(wiring.n_layers):
            if "residual" in self.parts:
                yield Component("residual", layer)
            if "head" in self.parts:
                yield from (head(layer, index) for index in range(wiring.n_heads))
            for kind in _INSIDE_ATTENTION:
                if kind in self.parts:
                    n = wiring.n_kv_heads if kind in ("key", "value") else wiring.n_heads
                    yield from (Component(kind, layer, index) for index in range(n))
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

        from circuits.patches import patched_metrics

        mask = self._mask(pair.batch, place)
        has_place = mask.any(1).cpu().numpy()
        if not has_place.any():
            return None
        base, donor = (pair.clean, pair.corrupt) if self.direction == "corrupt" else (pair.corrupt, pair.clean)
        with torch.no_grad():
            unpatched = pair.metric_of(forward, base)
            patched = patched_metrics(forward, pair, base, donor, mask, components)
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
