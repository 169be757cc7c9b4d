"""The run of a discovered circuit, and the jobs that made it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from circuits.cached import cached_property
from circuits.head_codes.stored import StoredCodes, codes_from
from pipelines.discover.plan import Jobs, all_jobs
from pipelines.discover.rules import chooses_components
from pipelines.discover.settings import DiscoverSettings
from pipelines.engine.result_file import Result
from pipelines.runs.record import SETTINGS
from pipelines.runs.run import Run
from pipelines.runs.shell_text import shell_line

if TYPE_CHECKING:
    import pandas as pd

    from circuits.scores import ComponentScores
    from graphs import CircuitGraph


class DiscoverRun(Run):
    """A run of `circuits discover`, with what its method keeps beside scores.

    >>> from pipelines import discover
    >>> run = discover("ioi", prompts=8, edges=40)
    >>> run.command, run.config.edges, round(run.faithfulness, 1), run.node_scores, run.codes, run.kept("codes")
    ('discover', 40, 0.7, None, None, None)
    >>> run.head_scores()["head"].tolist()[:2]
    ['a3.h3', 'a3.h2']
    >>> run.circuit.n_edges, run.prompts.roles
    (40, ('S1', 'S1+1', 'IO', 'S2', 'END'))
    """

    command = "discover"
    config_type = DiscoverSettings
    config: DiscoverSettings

    @cached_property
    def circuit(self) -> CircuitGraph:
        """The circuit; of a run that an earlier version kept, with the sums of its nodes' edges, which that did not."""
        graph = super().circuit
        has_sums = any(node.sums for node in graph.nodes)
        return graph if has_sums or not graph.nodes else graph.with_sums(self.scores)

    @cached_property
    def node_scores(self) -> ComponentScores | None:
        """Scores of components, where the method gives them or components were chosen by the sums of their edges."""
        own = super().node_scores
        return self.scores.node_scores() if own is None and chooses_components(self.config) else own

    def head_scores(self) -> pd.DataFrame:
        """A pandas frame of all heads of the model, the largest scores of either sign first.

        Columns: head, score with low and high, the ends of its 95 % t interval over prompts, position (`all` is all of
        them together), measured_by (the method), score_is, layer and index (in its layer), in_circuit and role. The
        score is the head's own effect where the method scored heads, else the sum over its outgoing edges, which is
        that effect to first order.

        >>> from pipelines import discover
        >>> frame = discover("ioi", prompts=8, edges=40).head_scores()
        >>> frame.loc[0, ["head", "score_is"]].tolist()
        ['a3.h3', 'estimated, summed over all outgoing edges']
        """
        from pipelines.discover.head_frame import head_frame

        return head_frame(self.circuit, self.scores, self.node_scores)

    def kept(self, name: str) -> Result | None:
        """Arrays that the method kept beside its scores (`Findings.kept`); None where it keeps none of this name."""
        file = kept_file(name)
        return self._result(file) if file in self._record["files"] else None

    @cached_property
    def codes(self) -> StoredCodes | None:
        """Codes of all heads on positives and negatives, where the method keeps them."""
        kept = self.kept("codes")
        return None if kept is None else codes_from([kept])


def kept_file(name: str) -> str:
    """The file of a run's folder for what its method kept under a name."""
    return f"{name}.npz"


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
    if not run.was_made_by(jobs.graph):
        again = ["circuits", "discover", "--config", str(run.folder / SETTINGS), "--runs", str(run.folder.parent)]
        again += [] if run.config.name is None else ["--name", f"{run.config.name}-anew"]
        raise ValueError(
            f"run {run.name} is out of date: its model, its prompts or this package have changed since. Run it again: "
            f"{shell_line(again)}"
        )
    return jobs
