"""Settings that would change nothing in what is asked for are refused, by name and with the reason."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pipelines.compare.settings import CompareSettings
from pipelines.engine.execution import Execution
from pipelines.runs.run import Run

TO_COMPUTE = ("workers", "scheduler", "gpus", "device")
"""Of `Execution`, what says where models run."""


def require_used(
    settings: CompareSettings, names: Iterable[str], why: str, *, execution: Execution | None = None
) -> None:
    """Raise a ValueError where any of these settings is given.

    why        a sentence, which is the reason why they would do nothing
    execution  also refuses what says where models run, where none does
    """
    given = [name for name in names if name in settings.model_fields_set]
    if execution is not None:
        given += [name for name in TO_COMPUTE if name in execution.model_fields_set]
    if given:
        options = ", ".join(f"--{name.replace('_', '-')}" for name in given)
        raise ValueError(f"{options} would have no effect: {why}. Leave it out.")


def require_draws(settings: CompareSettings) -> None:
    """Raise a ValueError for a seed of which nothing is drawn."""
    if settings.draws == 0:
        require_used(settings, ("seed",), "with 0 draws, nothing is drawn")


def require_several_models(settings: CompareSettings, runs: Sequence[Run]) -> None:
    """Raise a ValueError where one model is to be compared with itself as if it were two."""
    if settings.across_models and are_of_one_model(runs):
        why = f"all of these runs are of the same model, {runs[0].config.model}"
        require_used(settings, ("across_models",), why)


def are_of_one_model(runs: Sequence[Run]) -> bool:
    """Whether all runs have the same weights, as far as they say."""
    origins = [run.circuit.provenance for run in runs]
    return len({origin.model_fingerprint for origin in origins if origin is not None}) <= 1
