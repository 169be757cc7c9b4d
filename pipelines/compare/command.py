"""`circuits compare`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pipelines.command import Command, run_command
from pipelines.compare.files import files
from pipelines.compare.plan import plan
from pipelines.compare.report import StoredComparison, report
from pipelines.compare.settings import CompareSettings
from pipelines.compare.table import print_comparison
from pipelines.runs.run import Run
from pipelines.runs.settings_file import settings_from

COMMAND = Command("compare", CompareSettings, plan, report, files, print_comparison)


def compare(*runs: Run | str | Path, shows_progress: bool = False, **settings: Any) -> StoredComparison:
    """What the circuits of two runs or more share; saved as JSON, CSV and PDF.

    Each circuit is run on the prompts of the other tasks, beside random circuits, itself on other heads and circuits
    made of two, which computes only what the store lacks; overlap is read from what the runs stored.

    settings  fields of `CompareSettings` (overlap_only, draws, seed; across_models, to compare two checkpoints of one
              architecture head by head; folder, by default `compare-A-B` within `out`) and of `Execution` (out, in
              which runs are looked up by name, workers, scheduler, gpus, device)
    Raises a ValueError before any model runs for runs that cannot be compared, which says what still can be.

    >>> from pipelines import compare, discover
    >>> comparison = compare(*(discover(task, prompts=8, edges=40) for task in ("ioi", "colored-objects")))
    >>> comparison.summary["shared_heads"]
    ['a1.h1', 'a1.h3']
    """
    return run_command(
        COMMAND, *settings_from({"runs": runs, **settings}, CompareSettings), shows_progress=shows_progress
    )
