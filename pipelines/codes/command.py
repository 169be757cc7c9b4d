"""What the codes of a head-coding run mean, from Python and as files and tables; `circuits codes` is a thin layer.

codes.json        every positive-only code of the chosen heads, and the information in all heads' codes
codes.csv         the codes, one per line
codes.pdf, .svg   codes of all heads on all prompts (`graphs.figures.head_codes`)
autoencoders/     those of all trials, in the layout of SAELens (`circuits.head_codes.saelens_files`)
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.codes.files import _write
from pipelines.codes.plan import code_jobs, require_codes
from pipelines.codes.report import CodeReport, _chosen, _head_rows, _head_scores, _provenance
from pipelines.engine.execute import compute_missing
from pipelines.runs.run import Run, open_run, store_of
from pipelines.runs.settings_file import execution_from

if TYPE_CHECKING:
    pass


def explain_codes(
    run: Run | str | Path,
    *,
    trial: int = 0,
    heads: int | None = None,
    folder: str | Path | None = None,
    out: str | Path = "runs",
    shows_progress: bool = False,
    **execution: Any,
) -> CodeReport:
    """What the codes mean that heads show on positives and on no negative; saved as JSON, CSV and a figure.

    run        of head-coding or code-pairs: its folder, or its name within the store `out`
    trial      whose codes are explained: a code number means a different feature in every trial
    heads      explain the codes of the N heads with the highest scores; by default of those in the run's circuit
    folder     where to save the files; by default `codes` in the run's folder
    execution  workers, scheduler, gpus, device, as in `discover`

    Computes only what the store lacks. Raises a ValueError before any model runs if the run has no codes, is out of
    date, lacks the trial, or has fewer heads.

    >>> from pipelines import discover, explain_codes
    >>> coding = {"trials": 1, "epochs": 20}
    >>> run = discover("ioi", corruption="abc", prompts=8, method="head-coding", settings=coding)
    >>> report = explain_codes(run)
    >>> sorted(path.name for path in report.folder.iterdir())
    ['autoencoders', 'codes.csv', 'codes.json', 'codes.pdf', 'codes.svg']
    """
    began = time.monotonic()
    where = execution_from({"out": out} | execution)
    opened = open_run(run, out=where.out) if isinstance(run, str | Path) else run
    codes = require_codes(opened)
    scores = _head_scores(opened, codes)
    chosen = _chosen(opened, codes, scores, trial, heads)
    jobs, store = code_jobs(opened, trial=trial, heads=chosen), store_of(opened, where.out)
    target = Path(folder) if folder is not None else opened.folder / "codes"
    options = {"trial": trial, "heads": heads, "out": folder}
    given = " ".join(f"--{name} {value}" for name, value in options.items() if value is not None)
    n_computed = compute_missing(
        jobs.all,
        store,
        where,
        resume=lambda: f"circuits codes {opened.folder} {given} --runs {out}",
        shows_progress=shows_progress,
    )
    information = store.read(jobs.information.key).meta
    n_positives = int(codes.is_positive.sum())
    report = CodeReport(
        opened.name,
        trial,
        n_positives,
        len(codes.is_positive) - n_positives,
        tuple(store.read(jobs.meaning.key).meta["codes"]),
        tuple(_head_rows(opened, codes, scores, trial, chosen, information)),
        _provenance(opened),
        target,
        len(jobs.all),
        n_computed,
        time.monotonic() - began,
    )
    _write(report, opened, codes, jobs, store)
    return report


# --- files ---------------------------------------------------------------------------------------------------------


# --- tables --------------------------------------------------------------------------------------------------------
