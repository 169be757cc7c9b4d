"""`circuits evaluate`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

from pipelines.command import Command, call
from pipelines.evaluate.files import files
from pipelines.evaluate.paper import papers
from pipelines.evaluate.plan import plan
from pipelines.evaluate.report import Evaluation, report
from pipelines.evaluate.settings import EvaluateSettings
from pipelines.evaluate.table import print_evaluation
from pipelines.runs.signature import takes_settings

if TYPE_CHECKING:
    from circuits.evaluation.known_circuit import KnownCircuit
    from pipelines.keywords import EvaluateKeywords
    from pipelines.runs.run import Run

COMMAND = Command("evaluate", EvaluateSettings, plan, report, files, print_evaluation, papers)


@takes_settings(EvaluateSettings)
def evaluate(
    runs: Run | str | Path | Sequence[Run | str | Path],
    *,
    truth: KnownCircuit | str | Path | None = None,
    progress: bool | None = None,
    **settings: Unpack[EvaluateKeywords],
) -> Evaluation:
    """Judge finished runs: faithful, complete, minimal, better than chance, stable, true, and at what cost.

    runs      folders or names within the store `out`; a run elsewhere keeps its results in its own store
    truth     a known circuit: a JSON file (`edges_that_matter` or `edges`, optionally `nodes`), the name of a
              published one (`circuits.evaluation.published`), or a finished run, whose circuit is the ground truth
    settings  fields of `EvaluateSettings` (random, knockouts, resamples and random_curve, of which 0 skips that
              part; seed; folder,
              by default `evaluate-...` within `out`) and of `Execution` (out, workers, scheduler, gpus, device)

    Computes only what the store lacks. Raises a ValueError before any model runs if a run is unknown, unfinished or
    out of date, or if the known circuit belongs to another model.

    >>> from pipelines import discover, evaluate
    >>> run = discover("ioi", prompts=8, edges=40)
    >>> row = evaluate(run, random=2, knockouts=2, resamples=10).rows[0]
    >>> row["n_edges"], round(row["faithfulness"], 1), round(row["random"]["faithfulness"]["value"], 1)
    (40, 0.7, -0.0)
    """
    given = tuple(runs) if isinstance(runs, Sequence) and not isinstance(runs, str) else (runs,)
    return call(COMMAND, {"runs": given, "truth": truth, **settings}, progress=progress)
