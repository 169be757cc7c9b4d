"""Study how a method's scores depend on one setting, from Python; `circuits study` is a thin layer over `study`.

study.json          the results at every value
study.csv           the same, one value a line
study.pdf, .svg     the curve (`graphs.figures.sweep`)
"""

from __future__ import annotations

import hashlib
import shlex
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from circuits.evaluation.known_circuit import KnownCircuit
from circuits.evaluation.published import PUBLISHED
from graphs.figures.sweep import study_figure_bytes
from pipelines.discover.known_circuit import known_circuit
from pipelines.engine.execute import compute_missing
from pipelines.engine.execution import Execution
from pipelines.engine.result_file import canonical_json
from pipelines.engine.store import Store, write_atomically, write_json
from pipelines.runs.settings import RunConfig
from pipelines.runs.settings_file import settings_from, with_absolute_paths
from pipelines.study.plan import (
    CHOOSING,
    RUN_KEYS,
    Case,
    Varied,
    options_of,
    require_fit,
    require_same,
    study_cases,
    study_jobs,
    varied_from,
)
from pipelines.study.report import Row, Study, scores_of, study_row
from pipelines.study.table import as_csv


def study(
    task: str | Path,
    *,
    vary: Mapping[str, Sequence[Any]],
    truth: KnownCircuit | str | Path | None,
    folder: str | Path | None = None,
    out: str | Path = "runs",
    shows_progress: bool = False,
    **settings: Any,
) -> Study:
    """How well a method ranks the heads of a known circuit first, and at what cost, at every value of one setting.

    vary      one setting of the method or of the run, and its values: {"features": [50, 100, 200]},
              {"method": ["eap", "head-coding", "random"]}; `seed` is the run's, which draws the prompts
    truth     a known circuit, as in `evaluate`: a JSON file, the name of a published one, or a finished run
    folder    where to keep study.json, study.csv, study.pdf and study.svg; by default `study-...` within `out`
    out       the store
    settings  the other settings, as in `discover`; not those that only choose circuits

    Measures scores only: no circuit is selected or evaluated. Computes what the store lacks, each job once over all
    values. Raises a ValueError before any model runs where a setting, a value or the known circuit does not fit.

    >>> from pipelines import discover, study
    >>> known = discover("ioi", prompts=8, edges=40)
    >>> result = study("ioi", prompts=8, vary={"method": ["eap", "random"]}, truth=known.name)
    >>> [(row["value"], round(row["auroc"]["heads"]["by_mean"], 1)) for row in result.rows]
    [('eap', 0.9), ('random', 0.4)]
    """
    began = time.monotonic()
    varied = varied_from(vary)
    given = {"task": str(task)} | settings
    where = settings_from({**given, "out": out}).execution
    cases = study_cases(given, varied)
    known = _known(truth, where)
    store, jobs = Store(where.out), study_jobs(cases)
    if not all(store.has(job.key) for job in jobs):
        require_fit(cases, known)
    n_computed = compute_missing(
        jobs,
        store,
        where,
        resume=lambda: _command(given, varied, truth, folder, out),
        shows_progress=shows_progress,
    )
    rows = _rows(cases, known, store)
    target = Path(folder) if folder is not None else where.out / _name(cases, varied, known)
    config = _in_common(cases[0].config, varied)
    result = Study(varied.key, rows, config, known.name, target, len(jobs), n_computed, time.monotonic() - began)
    write_json(target / "study.json", result.to_dict())
    write_atomically(target / "study.csv", as_csv(result.key, rows))
    for kind in ("pdf", "svg"):
        write_atomically(target / f"study.{kind}", study_figure_bytes(result.curve, kind))
    return result


def _known(truth: KnownCircuit | str | Path | None, where: Execution) -> KnownCircuit:
    circuit = known_circuit(truth, where.out)
    if circuit is None:
        raise ValueError(
            "no known circuit is given, and a study ranks heads against one. Name a JSON file, a finished run or a "
            f"published circuit ({', '.join(PUBLISHED)}), such as --truth ioi."
        )
    return circuit


def _rows(cases: Sequence[Case], known: KnownCircuit, store: Store) -> tuple[Row, ...]:
    """One row per case; a ValueError where models are not wired alike, or not like the known circuit."""
    rows, wirings = [], {}
    for case in cases:
        scores = scores_of(case, store)
        wiring = wirings[case.config.model] = scores.wiring
        known.check_heads(wiring.n_layers, wiring.n_heads)
        known.check(wiring)
        rows.append(study_row(case, scores, known, store))
    require_same(wirings)
    return tuple(rows)


def _in_common(config: RunConfig, varied: Varied) -> dict[str, Any]:
    """The settings of all cases, without the varied one and those that a study does not use."""
    common = with_absolute_paths(config).model_dump(mode="json", exclude={*CHOOSING})
    del (common if varied.key in RUN_KEYS else common["settings"])[varied.key]
    return common


def _name(cases: Sequence[Case], varied: Varied, known: KnownCircuit) -> str:
    """The same folder for the same scores and the same known circuit."""
    config, keys = cases[0].config, [[job.key for job in case.jobs.scores] for case in cases]
    text = canonical_json([varied.key, [case.value for case in cases], keys, repr(known)])
    task = config.prompt_file.stem if config.prompt_file else config.task
    method = [] if varied.key == "method" else [config.method]
    return "-".join(["study", task, *method, varied.key, hashlib.sha256(text.encode()).hexdigest()[:8]])


def _command(given: Mapping[str, Any], varied: Varied, truth: Any, folder: Any, out: Any) -> str:
    """The command that continues this call where it was interrupted."""
    if isinstance(truth, KnownCircuit):
        return "the same call; its known circuit has no name on the command line"
    options = {name: value for name, value in given.items() if name != "task"}
    options |= {"truth": truth, "out": folder, "runs": out}
    return shlex.join(["circuits", "study", given["task"], *options_of(options, varied)])
