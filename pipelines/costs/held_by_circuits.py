"""What circuits hold while they are run, by how many of them are stacked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from circuits.effects.shared_starts import MOST_HELD
from circuits.evaluation.budgets import BUDGETS
from pipelines.costs.asked import Asked, Peak, Rule, stacking
from pipelines.costs.memory import (
    outputs_of_writers,
    recorded_runs,
)
from pipelines.costs.work import N_CIRCUITS

# Copies of all writers' outputs at once of a circuit that runs.
_OF_CIRCUIT = 2.35
# Intermediates that circuits' batches may fill together.
_BATCHES_TOGETHER = 2
# Circuits that are run to choose one; those of a curve, by signed scores and by magnitudes, but for the whole model.
CIRCUITS = {"choose": N_CIRCUITS, "curve": 2 * (len(BUDGETS) - 1), "judge": 1}
# Circuits of several tasks, and those made and drawn of them, that share no beginning: more than run together.
_OF_TASKS = 200


def circuits(asked: Asked, settings: Mapping[str, Any], *, n_circuits: int) -> Peak:
    """Both runs, and the writers' outputs of the circuits that are stacked; batches that fit are run together."""
    batch, shape = asked.with_writers, asked.shape
    of_prompt = shape.n_writers * asked.n_tokens * shape.d_model
    n_together = min(asked.n_prompts, max(batch, _BATCHES_TOGETHER * asked.budget.numbers // of_prompt))
    tokens = asked.tokens_of(n_together)
    numbers = tokens * shape.d_model * max(shape.n_writers, shape.wiring.readers_per_layer)
    at_once = min(n_circuits, max(1, asked.budget.numbers // numbers))
    of_circuits = _OF_CIRCUIT * at_once * outputs_of_writers(shape, tokens)
    return Peak(n_together, recorded_runs(shape, tokens, asked.dtype) + of_circuits)


def resumed_circuits(asked: Asked, *, n_circuits: int) -> Peak:
    """Circuits of which some are resumed where they differ from others: what all writers add in these is held as
    well."""
    found = circuits(asked, {}, n_circuits=n_circuits)
    held = MOST_HELD * outputs_of_writers(asked.shape, asked.tokens_of(found.batch))
    return found._replace(n_bytes=found.n_bytes + held)


def random_circuits(asked: Asked, settings: Mapping[str, Any]) -> Peak:
    """As many circuits as are drawn, of each size that is asked for. They share no beginning."""
    return circuits(asked, settings, n_circuits=settings["n"] * len(settings.get("sizes", (1,))))


def circuits_of_hypotheses(asked: Asked, settings: Mapping[str, Any]) -> Peak:
    """Those that share no beginning: random circuits, the model without them, and the circuit with a path."""
    return resumed_circuits(asked, n_circuits=4 * settings["draws"])


def knocked_out_circuits(asked: Asked, settings: Mapping[str, Any]) -> Peak:
    """One circuit at a time, as each is resumed where it differs from another. A gradient holds no more."""
    return resumed_circuits(asked, n_circuits=1)


def circuits_of_tasks(asked: Asked, settings: Mapping[str, Any]) -> Peak:
    """As many circuits as run together: those of other tasks, and those made and drawn of them, are many."""
    return resumed_circuits(asked, n_circuits=_OF_TASKS)


def component_circuits(asked: Asked, settings: Mapping[str, Any]) -> Peak:
    """Both runs, and a layer of the circuits of components that are stacked."""
    return stacking(asked, CIRCUITS["curve"])


def of_circuits(stage: str) -> Rule:
    return lambda asked, settings: circuits(asked, settings, n_circuits=CIRCUITS[stage])
