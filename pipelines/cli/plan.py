"""`circuits doctor --plan`: what a settings file asks for would take, on the real model and prompts, before it runs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from circuits.data.prompts import PromptSet
from circuits.lookup import lookup
from circuits.model.phases import phase
from circuits.numbers import count_text
from pipelines.cli.commands import offers
from pipelines.costs.shape import Shape
from pipelines.engine.cluster import device_of, require_place
from pipelines.engine.execution import Execution
from pipelines.engine.job import Job
from pipelines.engine.plan import Plan, ResultsNeeded
from pipelines.engine.progress import duration
from pipelines.engine.store import Store
from pipelines.forecast.forecast import Forecast, advice, forecast_of, free_on
from pipelines.forecast.jobs import Lengths, Row
from pipelines.forecast.line import prompt_jobs
from pipelines.forecast.probe import Speed
from pipelines.runs.codec import prompts_from
from pipelines.runs.settings import CommandSettings, RunConfig
from pipelines.runs.settings_file import read_yaml, settings_from

if TYPE_CHECKING:
    from circuits.model.load import Model

# Prompts of a task or template that are made, where more are asked for: their lengths stand for all.
_SAMPLE = 256


def forecast_from(path: Path, command: str) -> Forecast:
    """The forecast of a settings file, as the command would run it. Keeps nothing.

    Loads each model, makes the prompts that are not kept, and runs a few of them. Raises the ValueErrors that the
    command itself raises.
    """
    planned = {name: offer for name, offer in offers().items() if _is_forecast(offer.settings)}
    offer = lookup(planned, command, "command whose settings are forecast")
    settings, execution = settings_from(read_yaml(path, offer.settings), offer.settings)
    require_place(execution)
    try:
        with phase("planning what would be computed"):
            plan = offer.load().plan(settings, execution)
    except ResultsNeeded as needed:
        raise ValueError(
            f"what {command} does with {path} depends on results that are not there yet: {needed}. Run it once: what "
            "it needs first is computed and kept."
        ) from None
    free = None if execution.scheduler is not None else free_on(device_of(execution))
    dtype = _dtype(plan)
    probed = {name: _probed(name, makers, dtype, execution) for name, makers in _by_model(plan).items()}
    return forecast_of(
        plan,
        execution,
        dtype,
        {key: of for one in probed.values() for key, of in one.lengths.items()},
        {name: one.shape for name, one in probed.items()},
        {name: one.speed for name, one in probed.items() if one.speed is not None},
        free_bytes=free,
    )


def _is_forecast(settings: type[CommandSettings]) -> bool:
    """Whether what is asked for is known from a file: all that decides a run, or runs that are there already."""
    return settings.is_computed and (issubclass(settings, RunConfig) or "runs" in settings.model_fields)


def _dtype(plan: Plan) -> str:
    """What the models of a plan run with: all with the same, as those of one command do."""
    dtypes = (job.settings["dtype"] for part in plan.work for job in part.jobs if "dtype" in job.settings)
    return str(next(dtypes, RunConfig.model_fields["dtype"].default))


class _Probed(NamedTuple):
    """What is known of a model once it was loaded; lengths by the key of the job that makes the prompts. Of a cluster's
    workers no speed is known."""

    shape: Shape
    speed: Speed | None
    lengths: dict[str, Lengths]


def _probed(name: str, makers: list[tuple[Job, Store]], dtype: str, execution: Execution) -> _Probed:
    from circuits.model.load import load_model
    from pipelines.costs.shape_of import shape_of
    from pipelines.forecast.probe import probe

    is_elsewhere = execution.scheduler is not None
    model = load_model(name, device="cpu" if is_elsewhere else device_of(execution), dtype=dtype)
    made, shape = {job.key: _prompts(job, store, model) for job, store in makers}, shape_of(model)
    lengths = {}
    for job, store in makers:
        prompts = made[job.key]
        n_prompts = job.settings["n"] if _is_sampled(job, store) else len(prompts)
        lengths[job.key] = Lengths.of(prompts)._replace(n_prompts=n_prompts)
    if is_elsewhere:
        return _Probed(shape, None, lengths)
    with phase(f"running a few prompts on {name}, to see how fast it is"):
        return _Probed(shape, probe(model, next(iter(made.values())), shape), lengths)


def _by_model(plan: Plan) -> dict[str, list[tuple[Job, Store]]]:
    """The jobs that make prompts, by the model that they are for, with the store that keeps them."""
    found: dict[str, list[tuple[Job, Store]]] = {}
    for job, store in prompt_jobs(plan).values():
        found.setdefault(job.locations["model"], []).append((job, store))
    return found


def _prompts(job: Job, store: Store, model: Model) -> PromptSet:
    """The prompts that a job has made or makes, or the first of many; where only solved ones are kept, as many that are
    not looked at."""
    if store.has(job.key):
        return prompts_from(store.read(job.key))
    from pipelines.runs.stages import locate_prompts, prompts_for

    settings = {name: value for name, value in job.settings.items() if name != "solved"}
    if _is_sampled(job, store):
        n_asked, settings["n"] = settings["n"], _SAMPLE
        sys.stderr.write(f"doctor: making {_SAMPLE} of {count_text(n_asked, 'prompt')}, whose lengths stand for all\n")
    return prompts_for(locate_prompts(settings, job.locations), model)


def _is_sampled(job: Job, store: Store) -> bool:
    """Whether a job draws more prompts than a forecast needs. Files have as many as they have, and are read, as are
    prompts that are kept."""
    is_drawn = "task" in job.settings or bool(job.settings.get("template"))
    return is_drawn and not store.has(job.key) and job.settings["n"] > _SAMPLE


def print_forecast(forecast: Forecast, title: str) -> None:
    """The forecast for people: a table of kinds of jobs, and what follows from it."""
    from pipelines.reporting.tables import print_line, print_rows

    print_rows(title, [_row(forecast, row) for row in forecast.rows])
    at_once = (
        "as many at a time as the cluster has" if forecast.at_once is None else f"up to {forecast.at_once} at a time"
    )
    print_line(f"{forecast.n_missing} of {forecast.n_jobs} jobs are to be computed, {at_once}.")
    for name, shape in forecast.shapes.items():
        what = f"{name}: {shape.n_weights / 1e6:,.1f} M weights, {count_text(shape.wiring.n_edges, 'edge')}."
        if (speed := forecast.speeds.get(name)) is not None:
            what += (
                f" Probe: {count_text(speed.n_prompts, 'prompt')} of {count_text(speed.n_tokens, 'token')}, "
                f"forward and backward, "
                f"{duration(speed.seconds)} on {forecast.device}."
            )
        print_line(what)
    if not forecast.missing:
        print_line("Nothing that runs a model is left to compute: it takes neither time nor memory.")
        return
    print_line(_time(forecast))
    print_line(verdict(forecast))


def _time(forecast: Forecast) -> str:
    """How long it takes, and what is not counted, in a sentence."""
    if forecast.seconds is None:
        return "Time: not forecast."
    without = "".join(f", without {row.kind.label}" for row in forecast.untimed)
    return f"Time: about {duration(forecast.seconds)} at the speed of the probe, without loading the model{without}."


def verdict(forecast: Forecast) -> str:
    """Whether it fits, in a sentence."""
    if forecast.free_bytes is None:
        needs = "not forecast" if forecast.peak is None else f"at most {forecast.peak / 1e9:.2f} GB in a process"
        return f"Memory: {needs}. What the workers of the cluster have is not known here: compare it yourself."
    free = f"{forecast.free_bytes / 1e9:.1f} GB of {forecast.device} memory are free"
    if forecast.peak is None:
        return f"Memory: not forecast; {free}."
    needs = f"Memory: at most {forecast.peak / 1e9:.2f} GB in a process with one job, "
    if (together := forecast.processes_peak) is not None:
        needs += f"{together / 1e9:.2f} GB in all {forecast.at_once} processes, "
    needs += f"and {free}"
    if (what := advice(forecast)) is not None:
        fits = "not even one fits" if not forecast.side_by_side else f"{forecast.side_by_side} fit side by side"
        return f"{needs}: {fits}. {what[0].upper()}{what[1:]}."
    return f"{needs}: it fits."


def _row(forecast: Forecast, row: Row) -> dict[str, str]:
    peak, seconds = forecast.peak_of(row), forecast.seconds_of(row)
    return {
        "jobs of": row.kind.label,
        "to do": f"{row.n_missing} of {row.n_jobs}",
        "batch": "" if row.batch is None else str(row.batch),
        "peak memory": "not forecast" if peak is None else f"{peak / 1e9:.2f} GB",
        "time": "" if not row.n_missing else "not forecast" if seconds is None else duration(seconds),
    }
