"""`circuits cluster`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Unpack

from pipelines.cluster.files import files
from pipelines.cluster.paper import papers
from pipelines.cluster.plan import plan
from pipelines.cluster.report import ClusterReport, report
from pipelines.cluster.settings import ClusterSettings
from pipelines.cluster.table import print_clusters
from pipelines.command import Command, call
from pipelines.runs.run import Run
from pipelines.runs.signature import takes_settings

if TYPE_CHECKING:
    from pipelines.keywords import ClusterKeywords

COMMAND = Command("cluster", ClusterSettings, plan, report, files, print_clusters, papers)


@takes_settings(ClusterSettings)
def cluster(
    run: Run | str | Path, *, progress: bool | None = None, **settings: Unpack[ClusterKeywords]
) -> ClusterReport:
    """Whether the prompts of a run use one circuit, or several: clusters from the scores that it stored.

    settings  fields of `ClusterSettings` (share, strength, most, seed) and of `Execution` (out, workers, ...)

    Cost: none but the run of one circuit more than there are clusters, on half of the prompts, where there are several.

    >>> from pipelines import cluster, discover
    >>> cluster(discover("induction", prompts=32)).summary["n_clusters"]
    1
    """
    return call(COMMAND, {"run": run, **settings}, progress=progress)
