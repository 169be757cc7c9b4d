"""The run of a discovered circuit, and the jobs that made it."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from pipelines.discover.head_codes import StoredCodes, codes_from
from pipelines.discover.plan import Jobs, all_jobs
from pipelines.discover.settings import DiscoverSettings
from pipelines.runs.run import Run

if TYPE_CHECKING:
    from circuits.scores import ComponentScores

CODES = "codes.npz"


class DiscoverRun(Run):
    """A run of `circuits discover`, with the codes of all heads where its method is one of head coding."""

    command = "discover"
    config_type = DiscoverSettings
    config: DiscoverSettings

    @cached_property
    def node_scores(self) -> ComponentScores | None:
        """Scores of components, where the method gives them or components were chosen by the sums of their edges."""
        own = super().node_scores
        return self.scores.node_scores() if own is None and self.config.nodes is not None else own

    @cached_property
    def codes(self) -> StoredCodes | None:
        """Codes of all heads on positives and negatives, where the method is one of head coding."""
        if CODES not in self._record["files"]:
            return None
        return codes_from([self._result(CODES)])


def require_circuit(run: Run) -> DiscoverRun:
    """The run, which must be one of `circuits discover`. ValueError if it is not."""
    if not isinstance(run, DiscoverRun):
        raise ValueError(
            f"run {run.name} is a causal trace, which has no circuit whose faithfulness could be judged. Give runs of "
            "circuits discover (with --method causal-tracing, for one)."
        )
    return run


def jobs_of(run: DiscoverRun, **changes: Any) -> Jobs:
    """The jobs that made a run. ValueError where they would no longer give the same run.

    changes  settings to change that add jobs to the same run, such as `curve`
    """
    jobs = all_jobs(run.config.model_copy(update=changes))
    if not run.name.endswith(jobs.graph.key[:8]):
        raise ValueError(
            f"run {run.name} is out of date: its model, its prompts or this package have changed since. Run it again: "
            f"circuits discover --config {run.folder / 'config.yaml'} --out {run.folder.parent}"
        )
    return jobs
