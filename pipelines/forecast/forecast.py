"""The forecast of a plan: what each kind of job takes, whether it fits, and what to do where it does not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from circuits.model.room import TOKENS_AT_ONCE, free_memory, numbers_on_gpu
from pipelines.costs.asked import Budget
from pipelines.costs.forecast import loaded
from pipelines.costs.shape import Shape
from pipelines.engine.cluster import device_of, require_gpus
from pipelines.engine.execution import Execution
from pipelines.engine.job import Job
from pipelines.engine.plan import Plan
from pipelines.engine.processors import processors_now
from pipelines.forecast.jobs import Lengths, Row, rows_of
from pipelines.forecast.probe import Speed

# Halvings of what runs at once after which nothing is stacked any more.
_NOTHING_STACKED = 1
# Bytes of a number on a GPU, float32.
_WIDTH = 4
# Of a worker process that has loaded no model: Python and Dask.
_IDLE = 70e6
# Free bytes for which batches are forecast where the workers' memory is not known.
_PLENTY = 80e9


@dataclass(frozen=True)
class Forecast:
    """What a plan takes.

    rows        one for each kind of job that runs a model
    shapes      the models, by location
    dtype, device  what they run with
    n_jobs      all jobs, those without a model as well; `n_missing` are still to be computed
    free_bytes  of the device's memory, before a model is loaded; None of a cluster, whose workers have their own
    least_bytes what a worker holds with batches of one prompt; None where nothing is forecast
    at_once     jobs that run side by side; None of a cluster
    n_devices   GPUs that share the jobs, each with as much memory; 1 where all processes share one memory
    speeds      by the model's location; empty where none was probed
    """

    rows: tuple[Row, ...]
    shapes: Mapping[str, Shape]
    dtype: str
    device: str
    n_jobs: int
    n_missing: int
    free_bytes: float | None
    least_bytes: float | None
    at_once: int | None
    n_devices: int
    is_in_one_process: bool
    speeds: Mapping[str, Speed]

    def peak_of(self, row: Row) -> float | None:
        """Bytes that a worker holds at its worst moment in such a job; None where it is not forecast."""
        shape = self.shapes.get(row.kind.model)
        if row.n_bytes is None or shape is None:
            return None
        return loaded(shape, self.dtype, self.device) + row.n_bytes

    def seconds_of(self, row: Row) -> float | None:
        """What is still to be computed of such jobs takes, in seconds of one job after the other; None where it is not
        forecast."""
        speed = self.speeds.get(row.kind.model)
        return None if speed is None else speed.seconds_for(row.work)

    @property
    def missing(self) -> tuple[Row, ...]:
        return tuple(row for row in self.rows if row.n_missing)

    @property
    def peak(self) -> float | None:
        """That of the worst kind of job still to be computed."""
        return max((of for row in self.missing if (of := self.peak_of(row)) is not None), default=None)

    @property
    def seconds(self) -> float | None:
        """Of all that is still to be computed but for `untimed`, with as many jobs side by side as there are: of a
        cluster, one after the other."""
        each = [(row, of) for row in self.missing if (of := self.seconds_of(row)) is not None]
        if not each:
            return None if self.missing else 0.0
        return sum(of / min(self.at_once or 1, row.n_missing) for row, of in each)

    @property
    def untimed(self) -> tuple[Row, ...]:
        """What is still to be computed and whose time is not forecast."""
        return tuple(row for row in self.missing if self.seconds_of(row) is None)

    @property
    def processes_peak(self) -> float | None:
        """Bytes of all processes that share a memory: as many at their worst moment as there are jobs, the others
        without a model; None where they are not several, or that is not known."""
        if (
            self.is_in_one_process
            or self.at_once is None
            or self.at_once == 1
            or self.n_devices > 1
            or (peak := self.peak) is None
        ):
            return None
        n_busy = min(self.at_once, sum(row.n_missing for row in self.missing))
        return n_busy * peak + (self.at_once - n_busy) * (_IDLE if self.device == "cpu" else 0.0)

    @property
    def side_by_side(self) -> int | None:
        """Jobs that fit into the free memory side by side, 0 where not even one does; None where that is not known.

        Jobs of one process share the model, those of several do not.
        """
        if (peak := self.peak) is None or self.free_bytes is None:
            return None
        shared = 0.0
        if self.is_in_one_process:
            models = {row.kind.model for row in self.missing}
            shared = sum(
                loaded(shape, self.dtype, self.device) for name, shape in self.shapes.items() if name in models
            )
            shared = min(shared, self.free_bytes)
            peak = max((row.n_bytes for row in self.missing if row.n_bytes is not None), default=1.0)
        return self.n_devices * int((self.free_bytes - shared) // max(1.0, peak))

    @property
    def fits(self) -> bool | None:
        """Whether as many jobs as run side by side fit, with all processes; None where that is not known."""
        if (n_fit := self.side_by_side) is None or self.at_once is None or self.free_bytes is None:
            return None
        if (together := self.processes_peak) is not None and together > self.free_bytes:
            return False
        return n_fit >= min(self.at_once, max(1, self.n_missing))

    @property
    def is_impossible(self) -> bool:
        """Whether not even one prompt at a time fits."""
        least, free = self.least_bytes, self.free_bytes
        return least is not None and free is not None and least > free


def forecast_of(
    plan: Plan,
    execution: Execution,
    dtype: str,
    lengths: Mapping[str, Lengths],
    shapes: Mapping[str, Shape],
    speeds: Mapping[str, Speed] | None = None,
    *,
    free_bytes: float | None = None,
    weights: Mapping[str, float] | None = None,
) -> Forecast:
    """The forecast of a plan.

    lengths     of its prompts, by the key of the job that makes them
    shapes      of its models, by their location
    weights     of jobs by their keys, where prompts decide them; by default those that the jobs have
    free_bytes  of the device; by default what it has free now. Not asked for where a cluster computes.
    """
    jobs, missing = _every(plan)
    device = "cuda" if device_of(execution).startswith("cuda") else "cpu"
    known = None
    if execution.scheduler is None:
        known = free_on(device_of(execution)) if free_bytes is None else free_bytes
    free = _PLENTY if known is None else known
    largest = max((loaded(shape, dtype, device) for shape in shapes.values()), default=0.0)
    budget = _budget(device, free - largest)
    rows = rows_of(jobs, missing, lengths, shapes, budget, weights)
    smallest = rows_of(jobs, missing, lengths, shapes, Budget(device, _NOTHING_STACKED, _NOTHING_STACKED))
    least = [
        loaded(shapes[row.kind.model], dtype, device) + row.n_bytes
        for row in smallest
        if row.n_missing and row.n_bytes is not None
    ]
    n_gpus = len(require_gpus()) if execution.gpus else 1
    at_once = execution.workers or (processors_now()[0] if device == "cpu" else n_gpus)
    return Forecast(
        tuple(rows),
        shapes,
        dtype,
        device,
        len(jobs),
        sum(missing),
        known,
        max(least, default=None),
        None if execution.scheduler is not None else at_once,
        n_gpus,
        execution.workers is None and execution.scheduler is None and not execution.gpus,
        speeds or {},
    )


def free_on(device: str) -> int:
    """Bytes that are free on a device."""
    if not device.startswith("cuda"):
        return free_memory()
    import torch

    return torch.cuda.mem_get_info(torch.device(device))[0]


def advice(forecast: Forecast) -> str | None:
    """What to do where it does not fit; None where it does, or nothing is known."""
    if forecast.fits is not False:
        return None
    smaller = "" if forecast.dtype == "bfloat16" else "--dtype bfloat16, "
    if forecast.is_impossible or not forecast.side_by_side:
        return f"use {smaller}shorter prompts, a smaller model, or a machine with more memory"
    n_fit = forecast.side_by_side
    return f"use --workers {n_fit} for {n_fit} at a time, {smaller}or a machine with more memory"


def as_dict(forecast: Forecast) -> dict[str, Any]:
    """The forecast as JSON values."""
    return {
        "jobs": forecast.n_jobs,
        "jobs_missing": forecast.n_missing,
        "device": forecast.device,
        "dtype": forecast.dtype,
        "free_bytes": _rounded(forecast.free_bytes),
        "peak_bytes": _rounded(forecast.peak),
        "processes_peak_bytes": _rounded(forecast.processes_peak),
        "least_bytes": _rounded(forecast.least_bytes),
        "at_once": forecast.at_once,
        "side_by_side": forecast.side_by_side,
        "fits": forecast.fits,
        "advice": advice(forecast),
        "seconds": forecast.seconds,
        "seconds_without": [row.kind.label for row in forecast.untimed],
        "kinds": [
            {
                **row.kind._asdict(),
                "jobs": row.n_jobs,
                "jobs_missing": row.n_missing,
                "batch": row.batch,
                "peak_bytes": _rounded(forecast.peak_of(row)),
                "seconds": forecast.seconds_of(row),
            }
            for row in forecast.rows
        ],
        "probes": {name: speed._asdict() for name, speed in forecast.speeds.items()},
    }


def _rounded(value: float | None) -> int | None:
    return None if value is None else round(value)


def _every(plan: Plan) -> tuple[Sequence[Job], list[bool]]:
    """Every job once, and whether its result is missing."""
    stores = {job.key: (job, part.store) for part in plan.work for job in part.jobs}
    return [job for job, _ in stores.values()], [not store.has(key) for key, (_, store) in stores.items()]


def _budget(device: str, n_free: float) -> Budget:
    """What a model runs at once where so many bytes are free beside its weights."""
    if device == "cpu":
        return Budget.of_cpu(max(0.0, n_free))
    return Budget(device, numbers_on_gpu(int(max(1.0, n_free)), _WIDTH), TOKENS_AT_ONCE["cuda"])
