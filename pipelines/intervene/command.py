"""Interventions from Python; `circuits intervene iri` is a thin layer.

intervention.json   settings, strengths, and a row for every variant and sort of questions
intervention.csv    the rows, as a table
heads.csv           how much each head's output changes without the image (vision-aware head divergence)
captions.json       captions of the images, if captions were requested
"""

from __future__ import annotations

import csv
import hashlib
import io
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from circuits.lookup import unknown
from pipelines.engine.execute import compute_missing
from pipelines.engine.execution import Execution
from pipelines.engine.store import write_atomically, write_json
from pipelines.intervene.plan import InterventionJobs, intervention_jobs
from pipelines.intervene.report import Intervention, Row, _captions, _rows, _settings, _times, _warnings
from pipelines.intervene.settings import InterventionConfig
from pipelines.intervene.stages import (
    IRI,
    head_rows,
)
from pipelines.runs.run import Run, open_run, store_of
from pipelines.runs.settings import require_current_names
from pipelines.runs.settings_file import execution_from, validation_message


def intervene(
    run: Run | str | Path,
    *,
    repeats: int = 0,
    folder: str | Path | None = None,
    out: str | Path = "runs",
    shows_progress: bool = False,
    **settings: Any,
) -> Intervention:
    """Inject early layers' outputs into later ones at the last token (IRI), chosen by a trace, and measure the effect.

    run       a causal trace: its folder, or its name within the store `out`
    repeats   how many times to measure the time per token, in this process; 0 skips it
    folder    where to save the results; by default a subfolder of the run's folder, specific to these settings
    settings  fields of `InterventionConfig`, and of `Execution` (workers, scheduler, gpus, device)

    Computes only what the store lacks. Raises a ValueError before any model runs if the run is not a trace, or did
    not trace attention and MLP outputs at the last token.

    >>> from pipelines import intervene, trace
    >>> run = trace("scene-objects", model="reference-vlm", prompts=2, settings={"kinds": ["attention", "mlp"]})
    >>> result = intervene(run, questions=2, validation=2, lambda_attention=0.1, lambda_mlp=0.1)
    >>> [row["variant"] for row in result.rows if row["negatives"] == "random"]
    ['plain', 'iri', 'vhr']
    """
    began = time.monotonic()
    where, config = _checked(settings | {"out": out})
    opened = open_run(run, out=where.out) if isinstance(run, str | Path) else run
    jobs, store = intervention_jobs(opened, config), store_of(opened, where.out)
    target = Path(folder) if folder is not None else opened.folder / _name(jobs)
    n_computed = compute_missing(
        jobs.all,
        store,
        where,
        resume=lambda: _command(opened, config, repeats, folder, out),
        shows_progress=shows_progress,
    )
    intervention = Intervention(
        opened.name,
        _settings(opened, config, jobs, store),
        tuple(_rows(jobs, store)),
        tuple(head_rows(store.read(jobs.divergence.key))),
        tuple(_captions(jobs, store)),
        tuple(_times(jobs, store, where, repeats)),
        store.read(jobs.answers[0].key).meta["dropped"],
        tuple(_warnings(jobs, store)),
        target,
        len(jobs.all),
        n_computed,
        time.monotonic() - began,
    )
    write_json(target / "intervention.json", intervention.to_dict())
    write_atomically(target / "intervention.csv", _as_csv(intervention.rows))
    write_atomically(target / "heads.csv", _as_csv(intervention.heads))
    if jobs.captions:
        write_json(target / "captions.json", dict(store.read(jobs.captions[0].key).meta))
    return intervention


def _command(run: Run, config: InterventionConfig, repeats: int, folder: str | Path | None, out: str | Path) -> str:
    """The command that does the same."""
    defaults = InterventionConfig().model_dump()
    asked = {name: value for name, value in config.model_dump().items() if value != defaults[name]}
    options = asked | {"repeats": repeats or None, "out": folder}
    given = [
        f"--{name.replace('_', '-')}" + ("" if value is True else f" {value}")
        for name, value in options.items()
        if value is not None
    ]
    return " ".join(["circuits intervene iri --run", str(run.folder), *given, f"--runs {out}"])


def _checked(values: dict[str, Any]) -> tuple[Execution, InterventionConfig]:
    known = [*InterventionConfig.model_fields, *Execution.model_fields]
    require_current_names(values, known)
    for key in values:
        if key not in known:
            raise ValueError(unknown(key, known, "setting"))
    where = execution_from({key: value for key, value in values.items() if key in Execution.model_fields})
    try:
        chosen = {key: value for key, value in values.items() if key in InterventionConfig.model_fields}
        return where, InterventionConfig(**chosen)
    except ValidationError as error:
        raise ValueError(validation_message(error)) from None


def _name(jobs: InterventionJobs) -> str:
    """Name of the folder for these settings."""
    keys = "".join(job.key for job in jobs.all)
    return f"{IRI}-{hashlib.sha256(keys.encode()).hexdigest()[:8]}"


def _as_csv(rows: Sequence[Row]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()
