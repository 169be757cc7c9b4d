"""The line before long work: jobs, peak memory and time, said once the prompts are there and before any are measured;
and the refusal of what cannot fit, which the system would otherwise end without a word."""

from __future__ import annotations

import time
from collections.abc import Mapping
from functools import cache

from circuits.model.sources import find_model
from pipelines.costs.shape import Shape
from pipelines.costs.shape_of import shape_of_files
from pipelines.costs.speed import CPU, GPU, rates
from pipelines.engine.execution import Execution
from pipelines.engine.job import Job
from pipelines.engine.plan import Plan
from pipelines.engine.progress import duration
from pipelines.engine.result_file import Result
from pipelines.engine.store import Store
from pipelines.forecast.forecast import Forecast, advice, forecast_of
from pipelines.forecast.jobs import MAKE_PROMPTS, Lengths, weights_of
from pipelines.forecast.probe import Speed
from pipelines.runs.codec import prompts_from

# A line is said from here on: seconds, and the share of the memory that is free.
_LONG_S, _MUCH = 60, 0.5
# Of the speed of a plain product, what a whole run has: products with few rows, norms, and what is between.
_SHARE_OF_PRODUCT = 0.7
_PRODUCT = (256, 768, 3072)


def prompt_jobs(plan: Plan) -> dict[str, tuple[Job, Store]]:
    """The jobs that make prompts, by key, with the store that keeps their results."""
    return {job.key: (job, part.store) for part in plan.work for job in part.jobs if job.stage.name in MAKE_PROMPTS}


def forecast_before(plan: Plan, execution: Execution) -> Forecast | None:
    """The forecast of a plan some of whose prompts are made; None where none are, or nothing is left to compute. Those
    that are not made yet are taken to be as long as the longest of the others."""
    if (lengths := _lengths(plan)) is None:
        return None
    jobs, shapes = _with_models(plan), _shapes(plan)
    speed = _speed(execution)
    dtype = str(jobs[0].settings.get("dtype", "float32"))
    return forecast_of(plan, execution, dtype, lengths, shapes, dict.fromkeys(shapes, speed), weights=_passes(plan))


def _passes(plan: Plan) -> dict[str, float]:
    """What is known of jobs from those that are done."""
    done = [job for part in plan.work for job in part.jobs if part.store.has(job.key)]
    return {key: weight for job in done for key, weight in plan.passes_after(job).items()}


def weights_with_prompts(plan: Plan) -> Mapping[str, float]:
    """Weights of jobs by their keys, where the length of the prompts or the model decides them and prompts are made."""
    if (lengths := _lengths(plan)) is None:
        return {}
    return weights_of(_with_models(plan), [job for part in plan.work for job in part.jobs], lengths, _shapes(plan))


def _lengths(plan: Plan) -> dict[str, Lengths] | None:
    """The prompts by the jobs that make them; None where none are made, or nothing is left to compute."""
    makers = prompt_jobs(plan)
    made = {key: lengths_in(store.read(key)) for key, (_, store) in makers.items() if store.has(key)}
    if not made or not any("model" in job.locations for part in plan.work for job in part.missing):
        return None
    most = max(of.n_roles for of in made.values())
    longer = max(made.values(), key=lambda of: of.n_tokens)
    return {
        key: made.get(key) or longer._replace(n_prompts=job.settings["n"], n_roles=most)
        for key, (job, _) in makers.items()
    }


def _with_models(plan: Plan) -> list[Job]:
    return [job for part in plan.work for job in part.jobs if "model" in job.locations]


def _shapes(plan: Plan) -> dict[str, Shape]:
    """The models whose shape is known, by their locations."""
    names = dict.fromkeys(job.locations["model"] for job in _with_models(plan))
    shapes = {name: shape_of_files(find_model(name)) for name in names}
    return {name: shape for name, shape in shapes.items() if shape is not None}


def lengths_in(result: Result) -> Lengths:
    """How many prompts there are, and how long they are."""
    return Lengths.of(prompts_from(Result(result.meta, {})))


def require_possible(forecast: Forecast) -> None:
    """Raise a ValueError where not even one prompt at a time fits into what is free."""
    if not forecast.is_impossible or forecast.least_bytes is None or forecast.free_bytes is None:
        return
    raise ValueError(
        f"the jobs need {_gigabytes(forecast.least_bytes)} with one prompt at a time, and {forecast.device} has "
        f"{_gigabytes(forecast.free_bytes)} free: {advice(forecast)}. `circuits doctor --plan` shows what needs "
        "how much."
    )


def line(forecast: Forecast) -> str | None:
    """What is said before long work; None where it is short and small."""
    peak, seconds, free_bytes = forecast.peak, forecast.seconds, forecast.free_bytes
    is_long = seconds is not None and seconds > _LONG_S
    is_large = peak is not None and free_bytes is not None and peak > _MUCH * free_bytes
    if not (is_long or is_large or forecast.fits is False):
        return None
    n_jobs = sum(row.n_missing for row in forecast.missing)
    parts = [f"forecast: {n_jobs} jobs run the model, up to {forecast.at_once} at a time"]
    if peak is not None and free_bytes is not None:
        free = f"{_gigabytes(free_bytes)} of {forecast.device} are free"
        parts.append(f"peak memory {_gigabytes(peak)} in a process with one job, {free}")
    if seconds is not None:
        without = "".join(f", without {row.kind.label}" for row in forecast.untimed)
        parts.append(f"about {duration(seconds)}{without} by a probe of the processor, good to a factor of about 2")
    if (what := advice(forecast)) is not None:
        parts.append(f"that may not fit: {what}")
    return "; ".join(parts)


def _gigabytes(n_bytes: float) -> str:
    return f"{n_bytes / 1e9:.1f} GB"


def _speed(execution: Execution) -> Speed:
    """The speed to expect: of a product that is timed here, or what was measured on a GPU."""
    if execution.device.startswith("cuda") or execution.gpus:
        return Speed(*rates(GPU), 0, 0, 0.0)
    of_one, of_gradients = rates(CPU)
    began = time.perf_counter()
    of_product = _SHARE_OF_PRODUCT * _operations_per_second()
    return Speed(of_product, of_product * of_gradients / of_one, 0, 0, time.perf_counter() - began)


@cache
def _operations_per_second() -> float:
    """Of a matrix product like a model's, on one thread: the best of three, timed once in a process."""
    import numpy as np
    from threadpoolctl import threadpool_limits

    rows, within, columns = _PRODUCT
    a, b = np.ones((rows, within), dtype=np.float32), np.ones((within, columns), dtype=np.float32)
    with threadpool_limits(1):
        seconds = []
        for _ in range(3):
            began = time.perf_counter()
            np.matmul(a, b)
            seconds.append(time.perf_counter() - began)
    return 2 * rows * within * columns / max(min(seconds), 1e-9)
