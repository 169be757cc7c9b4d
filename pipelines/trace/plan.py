"""From the settings of a causal trace to the jobs that compute it.

prompts --> check ..> baseline, trace    (..> only orders)
answered --> prompts, of a file whose solved prompts are kept
trace --> trace-graph
trace is one job per slice of the prompts; for figures on images, one more per prompt that is drawn
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from circuits.scores import ALL_POSITIONS
from pipelines.engine.execution import Execution
from pipelines.engine.job import Job, keys_of
from pipelines.engine.store import Store
from pipelines.runs.first_jobs import FirstJobs, labels_of, subject_name
from pipelines.runs.method_settings import checked_settings
from pipelines.runs.run_plan import RunPlan
from pipelines.runs.solved_file import with_numbers_solved
from pipelines.trace.settings import METHOD, TraceSettings
from pipelines.trace.stages import TRACE, TRACE_GRAPH, TRACE_POSITIONS


class TraceJobs(NamedTuple):
    """All jobs of a trace, by what they are for.

    answered   of a prompt file whose solved prompts are kept: what says which these are
    positions  traces of single prompts at every position, for figures on their images
    """

    answered: tuple[Job, ...]
    prompts: Job
    check: Job
    baseline: Job
    trace: tuple[Job, ...]
    positions: tuple[Job, ...]
    graph: Job

    @property
    def all(self) -> tuple[Job, ...]:
        """Every job once; a job comes after those it reads."""
        return (*self.answered, self.prompts, self.check, self.baseline, *self.trace, *self.positions, self.graph)


@dataclass(frozen=True)
class TracePlan(RunPlan):
    """The jobs of a trace, and the store that keeps them."""

    command = "trace"
    config: TraceSettings
    jobs: TraceJobs

    @property
    def own_name(self) -> str:
        # The figures on images add files and change none.
        return f"{subject_name(self.config)}-trace-{self.jobs.graph.key[:8]}"


def plan(settings: TraceSettings, execution: Execution) -> TracePlan:
    """The jobs of a trace. ValueErrors as in `pipelines.discover.plan`, before anything runs."""
    store = Store(execution.out)
    (settled,) = with_numbers_solved([settings], store, trace_jobs)
    found = TracePlan(settled, trace_jobs(settled), store)
    found.require_own_folder()
    return found


def trace_jobs(config: TraceSettings) -> TraceJobs:
    """All jobs of a trace, done or not."""
    method = {"name": METHOD, "settings": checked_settings(METHOD, config.settings)}
    _require_position(config.position, method["settings"]["at"])
    ground = FirstJobs(config, [method], position=config.position if method["settings"]["at"] == "roles" else None)
    cost = 4.0 * method["settings"]["samples"]
    trace = ground.sliced(TRACE, {"method": method}, {}, cost)
    n_drawn = min(config.draw_images, ground.n_prompts)
    finely = {**method, "settings": method["settings"] | {"at": "positions"}}
    positions = tuple(
        ground.sliced_job(TRACE_POSITIONS, {"method": finely}, {}, 20 * cost, (number, number + 1))
        for number in range(n_drawn)
    )
    settings = labels_of(config) | {
        "min_gap": config.min_gap,
        "min_recovery": config.min_recovery,
        "position": config.position,
    }
    graph = Job(TRACE_GRAPH, settings, {"prompts": (ground.prompts.key,), "trace": keys_of(trace)})
    return TraceJobs(ground.answered, ground.prompts, ground.check, ground.baseline, trace, positions, graph)


def _require_position(position: str | None, at: str) -> None:
    """Raise a ValueError where no such position can exist; roles are checked once the prompts are known."""
    if position is None or at == "roles":
        return
    if at == "all" and position != ALL_POSITIONS:
        raise ValueError(f"position is {position!r}, and at=all traces all positions at once: leave it out.")
    if at == "positions" and not position.isdecimal():
        raise ValueError(
            f"position is {position!r}, and at=positions traces positions: give one as a number, counted from 0."
        )
