"""`circuits cluster`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pipelines.cluster.files import files
from pipelines.cluster.plan import plan
from pipelines.cluster.report import ClusterReport, report
from pipelines.cluster.settings import ClusterSettings
from pipelines.cluster.table import print_clusters
from pipelines.command import Command, run_command
from pipelines.runs.run import Run
from pipelines.runs.settings_file import settings_from

COMMAND = Command("cluster", ClusterSettings, plan, report, files, print_clusters)


def cluster(run: Run | str | Path, *, shows_progress: bool = False, **settings: Any) -> ClusterReport:
    """Whether the prompts of a run use one circuit, or several: clusters from the scores that it stored.

    settings  fields of `ClusterSettings` (share, strength, most, seed) and of `Execution` (out, workers, ...)

    Cost: none but the run of one circuit more than there are clusters, on half of the prompts, where there are several.

    >>> from pipelines import cluster, discover
    >>> cluster(discover("induction", prompts=32)).summary["n_clusters"]
    1
    """
    return run_command(
        COMMAND, *settings_from({"run": run, **settings}, ClusterSettings), shows_progress=shows_progress
    )
