"""`circuits discover`."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from pipelines.discover.plan import plan
from pipelines.discover.report import summarize
from pipelines.discover.run import DiscoverRun, finish_run
from pipelines.engine.execution import Execution
from pipelines.engine.store import Store
from pipelines.runs.run import Computed, compute_run
from pipelines.runs.settings import RunConfig
from pipelines.runs.settings_file import settings_from


def discover(task: str | Path, **settings: Any) -> DiscoverRun:
    """Find the circuit of a task, or of the prompts in a file, and store it; computes only what the store lacks.

    settings  fields of `RunConfig` (model, method, settings, metric, prompts, seed, edges, threshold, curve, ...) and
              of `Execution` (out, workers, scheduler, gpus, device), as on the command line
    Raises a ValueError that says what to change, before any model runs where possible.
    With `workers` or `gpus`, call it under `if __name__ == "__main__":`, because worker processes import the script.

    >>> from pipelines import discover
    >>> run = discover("ioi", prompts=8, edges=40)
    >>> run.graph.description
    '36 of 479 edges, threshold 0.2..., faithfulness 0.6...'
    >>> run.graph.graph.number_of_edges()  # a networkx graph
    36
    """
    checked = settings_from({"task": str(task)} | settings)
    return run_discovery(checked.run, checked.execution).run


def run_discovery(config: RunConfig, execution: Execution, *, shows_progress: bool = False) -> Computed[DiscoverRun]:
    """`discover` with checked settings; also reports what it cost."""
    began = time.monotonic()
    store = Store(execution.out)
    store.prepare()
    todo = plan(config, store)
    n_computed = compute_run(todo, store, execution, shows_progress=shows_progress)
    run = finish_run(store, todo, summarize(todo, store))
    return Computed(run, len(todo.jobs.all), n_computed, time.monotonic() - began)
