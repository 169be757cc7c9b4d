"""What removing each component from a circuit changes, to first order: one gradient in place of a run for each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from circuits.ablations import Ablation
from circuits.arrays import Bools, Floats
from circuits.data.prompts import PromptSet
from circuits.evaluation.faithfulness import on_every_pair
from circuits.metrics import Metric

if TYPE_CHECKING:
    from torch import Tensor

    from circuits.effects.paired_runs import Pair
    from circuits.model.load import Model


def removal_effects(
    model: Model,
    prompts: PromptSet,
    circuits: Bools,
    *,
    metric: Metric,
    ablation: Ablation,
    pairs: Sequence[Pair] | None = None,
) -> Floats:
    """How much the mean metric falls [circuit, writer] without all edges of a writer, to first order.

    circuits  [circuit, edge]; 0 for writers that have none
    pairs     as in `circuits.evaluation.faithfulness.circuit_values`

    Cost: about three runs of each circuit.
    """
    from circuits.effects.circuit_runs import removal_effects_with_edges

    return _effects(removal_effects_with_edges, model, prompts, circuits, metric, ablation, pairs)


def component_removal_effects(
    model: Model,
    prompts: PromptSet,
    circuits: Bools,
    *,
    metric: Metric,
    ablation: Ablation,
    pairs: Sequence[Pair] | None = None,
) -> Floats:
    """The same of circuits of components [circuit, writer]. Cost: one forward and backward pass for each."""
    from circuits.effects.component_runs import removal_effects_with_components

    return _effects(removal_effects_with_components, model, prompts, circuits, metric, ablation, pairs)


def _effects(
    of_circuit: Callable[[Model, Pair, Tensor], Tensor],
    model: Model,
    prompts: PromptSet,
    circuits: Bools,
    metric: Metric,
    ablation: Ablation,
    pairs: Sequence[Pair] | None,
) -> Floats:
    import torch

    effects = np.zeros((len(circuits), len(prompts), len(model.wiring.writers)))
    on_device = torch.from_numpy(np.ascontiguousarray(circuits)).to(model.forward.device)

    def measure(group: Sequence[Pair]) -> None:
        for pair in group:
            indices = list(pair.batch.prompt_indices)
            for number, circuit in enumerate(on_device):
                effects[number, indices] = of_circuit(model, pair, circuit).float().cpu().numpy()

    at_once = model.forward.prompts_with_writers_at_once(prompts.n_positions)
    groups = None if pairs is None else [[pair] for pair in pairs]
    on_every_pair(model, prompts, metric, ablation, measure, groups, at_once=at_once)
    return effects.mean(axis=1)
