"""`circuits study`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from pipelines.command import Command, call
from pipelines.runs.signature import takes_settings
from pipelines.study.files import files
from pipelines.study.paper import papers
from pipelines.study.plan import plan
from pipelines.study.report import Study, report
from pipelines.study.settings import StudySettings
from pipelines.study.table import print_study

if TYPE_CHECKING:
    from circuits.evaluation.known_circuit import KnownCircuit
    from pipelines.keywords import AnyTask, StudyKeywords

COMMAND = Command("study", StudySettings, plan, report, files, print_study, papers)


@takes_settings(StudySettings)
def study(
    task: AnyTask,
    *,
    vary: Mapping[str, Sequence[Any]],
    truth: KnownCircuit | str | Path | None,
    progress: bool | None = None,
    **settings: Unpack[StudyKeywords],
) -> Study:
    """How well a method ranks the heads of a known circuit first, and at what cost, at every value of one setting.

    vary      one setting of the method or of the run, and its values: {"features": [50, 100, 200]},
              {"method": ["eap", "head-coding", "random"]}; `seed` is the run's, which draws the prompts
    truth     a known circuit, as in `evaluate`: a JSON file, the name of a published one, or a finished run
    settings  the other settings, as in `discover`, without those that only choose circuits; folder, where the files go
              (by default `study-...` within `out`); and fields of `Execution`

    Measures scores only: no circuit is selected or evaluated. Computes what the store lacks, each job once over all
    values. Raises a ValueError before any model runs where a setting, a value or the known circuit does not fit.

    >>> from pipelines import discover, study
    >>> known = discover("ioi", prompts=8, edges=40)
    >>> result = study("ioi", prompts=8, vary={"method": ["eap", "random"]}, truth=known.name)
    >>> [(row["value"], round(row["auroc"]["heads"]["by_mean"], 1)) for row in result.rows]
    [('eap', 0.9), ('random', 0.4)]
    """
    return call(COMMAND, {"task": task, "vary": vary, "truth": truth, **settings}, progress=progress)
