"""`circuits discover`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Unpack

from pipelines.command import Command, call
from pipelines.discover.files import files
from pipelines.discover.plan import plan
from pipelines.discover.report import report, stored_report
from pipelines.discover.run import DiscoverRun
from pipelines.discover.settings import DiscoverSettings
from pipelines.discover.table import print_discovery
from pipelines.runs.signature import takes_settings

if TYPE_CHECKING:
    from pipelines.keywords import AnyTask, DiscoverKeywords

COMMAND = Command("discover", DiscoverSettings, plan, report, files, print_discovery, stored=stored_report)


@takes_settings(DiscoverSettings)
def discover(task: AnyTask, *, progress: bool | None = None, **settings: Unpack[DiscoverKeywords]) -> DiscoverRun:
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
    return call(COMMAND, {"task": task, **settings}, progress=progress).run
