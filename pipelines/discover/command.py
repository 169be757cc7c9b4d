"""`circuits discover`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pipelines.command import Command, run_command
from pipelines.discover.files import files
from pipelines.discover.plan import plan
from pipelines.discover.report import report
from pipelines.discover.run import DiscoverRun
from pipelines.discover.settings import DiscoverSettings
from pipelines.discover.table import print_discovery
from pipelines.runs.settings_file import settings_from

COMMAND = Command("discover", DiscoverSettings, plan, report, files, print_discovery)


def discover(task: str | Path, **settings: Any) -> DiscoverRun:
    """Find the circuit of a task, or of the prompts in a file, and store it; computes only what the store lacks.

    settings  fields of `DiscoverSettings` (model, method, settings, metric, prompts, seed, edges, threshold, curve,
              ...) and of `Execution` (out, workers, scheduler, gpus, device), as on the command line
    Raises a ValueError that says what to change, before any model runs where possible.
    With `workers` or `gpus`, call it under `if __name__ == "__main__":`, because worker processes import the script.

    >>> from pipelines import discover
    >>> run = discover("ioi", prompts=8, edges=40)
    >>> run.circuit.description
    '40 of 479 edges, weakest 0.38..., faithfulness 0.7...'
    >>> run.circuit.to_networkx().number_of_edges()
    40
    """
    return run_command(COMMAND, *settings_from({"task": str(task), **settings}, DiscoverSettings)).run
