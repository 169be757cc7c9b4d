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


def compare(a: Run | str | Path, b: Run | str | Path, **settings: Any) -> StoredComparison:
    """What the circuits of two runs share, compared with chance; saved as JSON and PDF.

    settings  fields of `CompareSettings` (across_models, to compare two checkpoints of one architecture head by head;
              folder, by default `compare-A-B` within `out`), and `out`, the store in which runs are looked up by name
    Raises a ValueError for circuits of different models, which says what can still be compared.

    >>> from pipelines import compare, discover
    >>> comparison = compare(*(discover(task, prompts=8, edges=40) for task in ("ioi", "colored-objects")))
    >>> comparison.summary["shared_heads"]
    ['a1.h1', 'a1.h3']
    """
    return run_command(COMMAND, *settings_from({"run_a": a, "run_b": b, **settings}, CompareSettings))
