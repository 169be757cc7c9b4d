"""`circuits doctor --plan`: what a settings file asks for would take, on the real model and prompts, before it runs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from circuits.data.prompts import PromptSet
from circuits.lookup import lookup
from pipelines.cli.commands import offers
from pipelines.costs.shape import Shape
from pipelines.engine.execution import Execution
from pipelines.engine.job import Job
from pipelines.engine.plan import Plan, ResultsNeeded
from pipelines.engine.progress import duration
from pipelines.forecast.forecast import Forecast, advice, forecast_of, free_on
from pipelines.forecast.jobs import Lengths, Row
from pipelines.forecast.line import prompt_jobs
from pipelines.forecast.probe import Speed
from pipelines.runs.settings import RunConfig
from pipelines.runs.settings_file import read_yaml, settings_from

if TYPE_CHECKING:
    from circuits.model.load import Model


def forecast_from(path: Path, command: str) -> Forecast:
    """The forecast of a settings file, as `circuits COMMAND --config FILE` would run it. Keeps nothing.

    Loads each model, makes the prompts, and runs a few of them. Raises the ValueErrors that the command itself raises.
    """
    reading = {name: offer for name, offer in offers().items() if issubclass(offer.settings, RunConfig)}
    offer = lookup(reading, command, "command that reads a settings file")
    settings, execution = settings_from(read_yaml(path, offer.settings), offer.settings)
    assert isinstance(settings, RunConfig)
    try:
        plan = offer.load().plan(settings, execution)
    except ResultsNeeded as needed:
        raise ValueError(
            f"what {command} does with {path} depends on results that are not there yet: {needed}. Run it once: what "
            "it needs first is computed and kept."
        ) from None
    free = free_on(execution.device)
    probed = {name: _probed(name, makers, settings, execution) for name, makers in _by_model(plan).items()}
    return forecast_of(
        plan,
        execution,
        settings.dtype,
        {key: of for one in probed.values() for key, of in one.lengths.items()},
        {name: one.shape for name, one in probed.items()},
        {name: one.speed for name, one in probed.items()},
        free_bytes=free,
    )


class _Probed(NamedTuple):
    """What is known of a model once it was loaded; lengths by the key of the job that makes the prompts."""

    shape: Shape
    speed: Speed
    lengths: dict[str, Lengths]


def _probed(name: str, makers: list[Job], settings: RunConfig, execution: Execution) -> _Probed:
    from circuits.model.load import load_model
    from pipelines.costs.shape_of import shape_of
    from pipelines.forecast.probe import probe

    sys.stderr.write(f"doctor: loading the model {name}, for a probe\n")
    model = load_model(name, device=execution.device, dtype=settings.dtype)
    made, shape = {job.key: _prompts(job, model) for job in makers}, shape_of(model)
    lengths = {key: Lengths(len(prompts), prompts.n_positions, len(prompts.roles)) for key, prompts in made.items()}
    return _Probed(shape, probe(model, next(iter(made.values())), shape), lengths)


def _by_model(plan: Plan) -> dict[str, list[Job]]:
    found: dict[str, list[Job]] = {}
    for job, _ in prompt_jobs(plan).values():
        found.setdefault(job.locations["model"], []).append(job)
    return found


def _prompts(job: Job, model: Model) -> PromptSet:
    """The prompts that a job makes; where only solved ones are kept, as many that are not looked at."""
    from pipelines.runs.stages import locate_prompts, prompts_for

    settings = {name: value for name, value in job.settings.items() if name != "solved"}
    return prompts_for(locate_prompts(settings, job.locations), model)


def print_forecast(forecast: Forecast, title: str) -> None:
    """The forecast for people: a table of kinds of jobs, and what follows from it."""
    from pipelines.reporting.tables import print_line, print_rows

    print_rows(title, [_row(forecast, row) for row in forecast.rows])
    print_line(
        f"{forecast.n_missing} of {forecast.n_jobs} jobs are to be computed, up to {forecast.at_once} at a time."
    )
    for name, shape in forecast.shapes.items():
        speed = forecast.speeds[name]
        print_line(
            f"{name}: {shape.n_weights / 1e6:,.1f} M weights, {shape.wiring.n_edges:,} edges. Probe: {speed.n_prompts} "
            f"prompts of {speed.n_tokens} tokens, forward and backward, {duration(speed.seconds)} on {forecast.device}."
        )
    if forecast.seconds is not None:
        print_line(f"Time: about {duration(forecast.seconds)} at the speed of the probe, without loading the model.")
    print_line(verdict(forecast))


def verdict(forecast: Forecast) -> str:
    """Whether it fits, in a sentence."""
    free = f"{forecast.free_bytes / 1e9:.1f} GB of {forecast.device} memory are free"
    if forecast.peak is None:
        return f"Memory: not forecast; {free}."
    needs = f"Memory: at most {forecast.peak / 1e9:.2f} GB in a process with one job, and {free}"
    if (what := advice(forecast)) is not None:
        fits = "not even one fits" if not forecast.side_by_side else f"{forecast.side_by_side} fit side by side"
        return f"{needs}: {fits}. {what[0].upper()}{what[1:]}."
    return f"{needs}: it fits."


def _row(forecast: Forecast, row: Row) -> dict[str, str]:
    peak, seconds = forecast.peak_of(row), forecast.seconds_of(row)
    return {
        "jobs of": " ".join(part for part in (row.kind.stage, row.kind.method) if part),
        "to do": f"{row.n_missing} of {row.n_jobs}",
        "batch": "" if row.batch is None else str(row.batch),
        "peak memory": "not forecast" if peak is None else f"{peak / 1e9:.2f} GB",
        "time": "" if seconds is None or not row.n_missing else duration(seconds),
    }
