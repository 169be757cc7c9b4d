"""Activation patching: the exact effect of replacing one component's value with that from the other prompt.

For each layer the clean run is resumed right after the patched part, with all heads of the layer stacked on the batch
axis (`circuits.effects.patching`). What cannot change is not computed: positions before the first patched one, and the
last layer anywhere but at the answer.

Source: Vig et al. 2020 (causal mediation); Meng et al. 2022 for restoring; Heimersheim & Nanda 2024 for the terms.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

from circuits.ablations import Ablation
from circuits.citations import HEIMERSHEIM_2024, MENG_2022, VIG_2020
from circuits.data.prompts import PromptSet
from circuits.kinds import KINDS
from circuits.methods.base import CORRUPT
from circuits.methods.component_base import ComponentMethod, Granularity, components_of, require_run
from circuits.methods.registry import register
from circuits.metrics import Metric
from circuits.model.steps import steps

if TYPE_CHECKING:
    from torch import Tensor

    from circuits.effects.paired_runs import Pair
    from circuits.model.load import Model

PatchedKind = Literal["head", "attention", "mlp", "residual", "query", "key", "value", "pattern"]
Direction = Literal["corrupt", "restore"]


@register
@dataclass(frozen=True)
class ActivationPatching(ComponentMethod):
    """The exact effect of every head, attention output, MLP and residual position, by patching it alone.

    Cost: about half a forward pass per component and position, less for late layers and positions.

    direction  `corrupt`: clean run with the part's value from the corrupt run, score = clean - patched.
               `restore`: corrupt run with the part's value from the clean run, score = patched - corrupt.
               Positive supports the behavior either way.
    at         `all` positions at once, each token role (`roles`), or each position (`positions`)
    kinds      which kinds of component to patch: `head` (its z, so its output), `query`, `key`, `value` and attention
               `pattern` of a head, `attention` (a layer's whole output), `mlp`; `residual` rL is the stream entering
               layer L, the last one the final stream
    """

    name = "activation-patching"
    cites = (VIG_2020, MENG_2022, HEIMERSHEIM_2024)
    summary = "exact effect of each head (or its q, k, v, pattern), attention output, MLP and residual position"
    scores_are = "measured"

    direction: Direction = "corrupt"
    at: Granularity = "all"
    kinds: tuple[PatchedKind, ...] = ("head", "attention", "mlp", "residual")

    def __post_init__(self) -> None:
        self.check_settings(
            {"direction": ([self.direction], get_args(Direction)), "kinds": (self.kinds, get_args(PatchedKind))}
        )
        object.__setattr__(self, "kinds", tuple(self.kinds))

    def check_asked(self, prompts: PromptSet, metric: Metric, ablation: Ablation = CORRUPT) -> None:
        """Also raises a ValueError for kinds of component for which the ablation has no value."""
        super().check_asked(prompts, metric, ablation)
        inner = [kind for kind in self.kinds if KINDS[kind].is_inner]
        if inner or self.direction == "restore":
            require_run(self.name, ", ".join(inner) or "restoring", ablation)

    def effects(self, model: Model, pair: Pair, masks: Sequence[Tensor]) -> Iterator[Tensor]:
        import torch

        from circuits.effects.patching import n_changed, patched_metrics

        forward, components = model.forward, tuple(components_of(model.wiring, self.kinds))
        restores = self.direction == "restore"
        base, donor = (pair.ablated, pair.clean) if restores else (pair.clean, pair.ablated)
        for mask in steps(masks, [n_changed(forward, pair.batch, mask) for mask in masks]):
            with torch.no_grad():
                unpatched = pair.metric_of(forward, base)
                patched = patched_metrics(forward, pair, base, donor, mask, components)
                yield patched - unpatched if restores else unpatched - patched
