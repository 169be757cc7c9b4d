"""What methods share that score components by position: at all positions at once, at roles, or at single positions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

import numpy as np

from circuits.ablations import Ablation
from circuits.components import Component, Wiring
from circuits.data.prompts import PromptSet
from circuits.kinds import KINDS
from circuits.methods.base import CORRUPT, Method
from circuits.metrics import Metric
from circuits.model.steps import whole
from circuits.scores import ALL_POSITIONS, ComponentScores

if TYPE_CHECKING:
    from torch import Tensor

    from circuits.effects.paired_runs import Pair
    from circuits.model.batches import Batch
    from circuits.model.load import Model

Granularity = Literal["all", "roles", "positions"]
Settings: TypeAlias = "dict[str, tuple[Sequence[str], tuple[str, ...]]]"


@dataclass(frozen=True)
class ComponentMethod(Method):
    """A method that scores some kinds of component at each position; subclasses have the settings `at` and `kinds`.

    at     `all` positions at once, each token role (`roles`), or each position (`positions`)
    kinds  which kinds of component to score
    """

    result = "components"

    at: Granularity = "all"
    kinds: tuple[str, ...] = ()

    def effects(self, model: Model, pair: Pair, masks: Sequence[Tensor]) -> Iterator[Tensor]:
        """Scores [component, prompt] of a batch for each mask [sequence, position] over all positions."""
        raise NotImplementedError

    def check_settings(self, known: Settings) -> None:
        """Raise a ValueError for a setting whose values are not all known; name -> (values, known values)."""
        for name, (values, choices) in {"at": ([self.at], get_args(Granularity)), **known}.items():
            if not values or not set(values) <= set(choices):
                given = ", ".join(map(repr, values))
                raise ValueError(f"{self.name}: {name}={given}. Known: {', '.join(choices)}.")

    def check_selection(self, position: str | None) -> None:
        if not any(KINDS[kind].is_node for kind in self.kinds):
            raise ValueError(
                f"{self.name}: kinds={', '.join(self.kinds)} scores nothing that a circuit is made of. Add 'head' or "
                "'mlp' to the kinds."
            )
        if self.at == "all" and position not in (None, ALL_POSITIONS):
            raise ValueError(
                f"{self.name} scores all positions at once, and position={position!r} asks for some: set at=roles or "
                "at=positions."
            )
        if self.at != "all" and position is None:
            raise ValueError(
                f"{self.name} with at={self.at} scores several positions: choose with position=... the one that "
                "the circuit is taken from."
            )

    def score(
        self, model: Model, prompts: PromptSet, *, metric: Metric, ablation: Ablation = CORRUPT
    ) -> ComponentScores:
        """Scores [prompt, position, component]. Calls `check` first."""
        self.check(model, prompts, metric, ablation)
        return self.measured(model, prompts, metric, ablation)

    def measured(
        self,
        model: Model,
        prompts: PromptSet,
        metric: Metric,
        ablation: Ablation,
        note: Callable[[Pair], None] | None = None,
    ) -> ComponentScores:
        """Scores [prompt, position, component]; `note` is called with every batch's clean and corrupt run."""
        from circuits.effects.paired_runs import each_pair

        components = tuple(components_of(model.wiring, self.kinds))
        positions = self._positions(prompts)
        scores = np.zeros((len(prompts), len(positions), len(components)), dtype=np.float32)
        measured = np.zeros(scores.shape, dtype=np.bool_)

        def measure(pair: Pair) -> None:
            if note is not None:
                note(pair)
            prompt_indices = np.asarray(pair.batch.prompt_indices)
            masks = {index: self._mask(pair.batch, position) for index, position in enumerate(positions)}
            masks = {index: mask for index, mask in masks.items() if mask.any()}
            effects = self.effects(model, pair, list(masks.values()))
            for (index, mask), values in zip(masks.items(), effects, strict=True):
                has_position = mask[pair.batch.first_sequences].any(1).cpu().numpy()[:, None]
                scores[prompt_indices, index] = np.where(has_position, values.T.float().cpu().numpy(), 0)
                measured[prompt_indices, index] = has_position

        with whole():
            each_pair(model, prompts, metric, ablation, measure, at_once=self.batch_size(model, prompts))
        provenance = self.provenance(model, prompts, metric, ablation)
        return ComponentScores(model.wiring, components, positions, scores, measured, provenance)

    def batch_size(self, model: Model, prompts: PromptSet) -> int:
        """How many prompts make a batch."""
        return 64

    def _positions(self, prompts: PromptSet) -> tuple[str, ...]:
        if self.at == "all":
            return (ALL_POSITIONS,)
        if self.at == "roles":
            return prompts.roles
        return tuple(str(position) for position in range(max(map(len, prompts))))

    def _mask(self, batch: Batch, position: str) -> Tensor:
        """[sequence, position] which positions a name such as `all`, `IO` or `3` stands for: those of an answer of
        several tokens belong to `all` alone."""
        import torch

        if self.at == "roles":
            return batch.positions_of(position)
        mask = torch.zeros(batch.clean.shape, dtype=torch.bool, device=batch.clean.device)
        if self.at == "all":
            return ~mask
        if int(position) < batch.n_positions:
            mask[:, int(position)] = batch.of_prompts[:, int(position)]
        return mask


def components_of(wiring: Wiring, kinds: Sequence[str]) -> Iterator[Component]:
    """Components of some kinds, in the order in which they run."""
    chosen = [kind for kind in KINDS.values() if kind.name in kinds and kind.has_layer]
    for layer in range(wiring.n_layers):
        for kind in chosen:
            yield from wiring.of_kind(kind.name, layer)
    for kind in chosen:
        if kind.is_state:
            yield from wiring.of_kind(kind.name, wiring.n_layers)


def require_run(method: str, asked: str, ablation: Ablation) -> None:
    """Raise a ValueError where an ablation gives no value to what is inside a component."""
    if not ablation.is_run:
        raise ValueError(
            f"{method} of {asked} needs a whole run to take values from; ablation {ablation.name!r} only says what "
            "components write. Use 'corrupt', 'noise' or 'image-noise'."
        )
