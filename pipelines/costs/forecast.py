"""Peak memory of a job: which rule says what a method or a stage holds, and what a process holds beside that."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pipelines.costs.asked import Asked, Peak, Rule
from pipelines.costs.held_by_circuits import (
    CIRCUITS,
    circuits_of_hypotheses,
    circuits_of_tasks,
    component_circuits,
    knocked_out_circuits,
    of_circuits,
    random_circuits,
)
from pipelines.costs.held_by_codes import (
    autoencoders,
    circuit_in_file,
    codes_of_heads,
    head_features,
    scored_edges,
    scored_heads,
)
from pipelines.costs.held_by_methods import (
    attribution_of_components,
    conductance,
    direct_effects,
    dropped_edges,
    edges_from_activations,
    edges_from_gradients,
    exact_edges,
    learned_mask,
    patched,
    paths,
    recorded,
    staged_paths,
    staged_paths_into_others,
)
from pipelines.costs.memory import (
    WIDTHS,
    weights,
)
from pipelines.costs.shape import Shape

# On the CPU: Python with torch, transformers and transformer-lens, and what the first run of a model allocates.
PROCESS, FIRST_RUN = 530e6, 20e6
# Pages that the C library's allocator holds for every page in use, where large and small tensors come and go.
_PAGES_PER_PAGE = 1.35
# Of methods that measure at once, by their names.
METHODS_FORECAST: Mapping[str, Rule] = {
    "eap": edges_from_gradients,
    "eap-ig": edges_from_gradients,
    "clean-corrupt": edges_from_gradients,
    "relp": edges_from_gradients,
    "eap-ig-activations": edges_from_activations,
    "activation-patching": patched,
    "atp-star": attribution_of_components,
    "exact-edges": exact_edges,
    "causal-tracing": patched,
    "path-patching": paths,
    "direct-effect": direct_effects,
    "ceap": conductance,
    "acdc": dropped_edges,
    "mask-learning": learned_mask,
    "random": scored_edges,
}
# Of stages by their names, without the numbers that those of paths have.
STAGES_FORECAST: Mapping[str, Rule] = {
    "baseline": recorded,
    "reference": recorded,
    "trace": patched,
    "trace-positions": patched,
    "features": head_features,
    "autoencoders": autoencoders,
    "codes": codes_of_heads,
    "circuit-file": circuit_in_file,
    "staged-paths": staged_paths,
    "staged-paths-others": staged_paths_into_others,
    **{stage: of_circuits(stage) for stage in CIRCUITS},
    "search-knockouts": knocked_out_circuits,
    "knockouts": knocked_out_circuits,
    "random-circuits": random_circuits,
    "random-curve": random_circuits,
    "hypothesis-runs": circuits_of_hypotheses,
    "node-curve": component_circuits,
    "transfer": circuits_of_tasks,
}
# What gives the scores of methods that measure in several stages (`Method.scored_in`), and what forecasts it, by what
# is scored.
SCORES_OF_STAGES = ("staged-paths-scores", "code-scores", "file-scores")
SCORES_FORECAST: Mapping[str, Rule] = {"edges": scored_edges, "components": scored_heads}
_NUMBER = re.compile("-[0-9]+")


def without_number(stage: str) -> str:
    """What a stage is called without its number, as in `staged-paths-2-others`."""
    return _NUMBER.sub("", stage)


def peak(rule: Rule, asked: Asked, settings: Mapping[str, Any]) -> Peak:
    """What a job holds beyond the loaded model; on the CPU with what the allocator holds and the first run takes."""
    found = rule(asked, settings)
    if asked.budget.device != "cpu":
        return found
    return found._replace(n_bytes=_PAGES_PER_PAGE * found.n_bytes + FIRST_RUN)


def loaded(shape: Shape, dtype: str, device: str) -> float:
    """Bytes of a process with the model loaded: its weights, and those of attention once more, in the order in which
    runs read them; on a GPU the bytes there, without the process itself."""
    copies = shape.n_layers * (shape.in_attention + shape.out_of_attention) * WIDTHS[dtype]
    return weights(shape, dtype) + copies + (PROCESS if device == "cpu" else 0)
