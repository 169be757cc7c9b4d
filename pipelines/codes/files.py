"""The files of explained codes."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pipelines.codes.plan import CodeJobs
from pipelines.codes.report import CodeReport, Row
from pipelines.codes.table import _tokens
from pipelines.discover.head_codes import coding_of
from pipelines.engine.result_file import Result
from pipelines.engine.store import Store, write_atomically, write_json
from pipelines.runs.run import Run

if TYPE_CHECKING:
    from pipelines.discover.head_codes import StoredCodes


def _write(report: CodeReport, run: Run, codes: StoredCodes, jobs: CodeJobs, store: Store) -> None:
    from circuits.head_codes.grouping import positive_only
    from circuits.head_codes.saelens_files import write_autoencoders
    from graphs.figures.head_codes import CodeTable, code_figure_bytes

    coding = coding_of(jobs.meaning.settings)
    of_trial = codes.codes[report.trial]
    only = positive_only(of_trial, codes.is_positive)
    table = CodeTable(of_trial, only, report.trial, is_shared=coding.n_autoencoders(run.graph.wiring.n_layers) == 1)
    # First, because a folder with another run's autoencoders is refused.
    write_autoencoders(
        report.folder / "autoencoders",
        _joined([store.read(job.key) for job in jobs.autoencoders]),
        coding,
        model=str(report.provenance["model"]),
        n_layers=run.graph.wiring.n_layers,
    )
    write_json(report.folder / "codes.json", report.to_dict())
    write_atomically(report.folder / "codes.csv", as_csv(report.rows))
    for kind in ("pdf", "svg"):
        write_atomically(report.folder / f"codes.{kind}", code_figure_bytes(table, run.graph, kind, name=report.run))


def _joined(results: Sequence[Result]) -> Any:
    """The autoencoders of all trials as one stack, on the CPU."""
    import torch

    from circuits.head_codes.autoencoders import Autoencoders

    names = results[0].arrays
    weights = {name: torch.from_numpy(np.concatenate([one.arrays[name] for one in results])) for name in names}
    return Autoencoders(**weights, top_k=results[0].meta["top_k"])


def as_csv(rows: Sequence[Row]) -> bytes:
    """One line per code. Prompts and tokens are JSON lists; a role's cell is empty if no such prompt has it."""
    roles = list(dict.fromkeys(role for row in rows for role in row["roles"]))
    columns = ["head", "code", "vector", "n_positives", "prompts", "example_prompt", "example_text", "lens"]
    columns += [f"{role}_{side}" for role in roles for side in ("positives", "negatives")]
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    for row in rows:
        line = {name: row[name] for name in ("head", "code", "vector", "n_positives")}
        line |= {"prompts": json.dumps(row["prompts"]), "lens": json.dumps(_tokens(row), ensure_ascii=False)}
        line |= {"example_prompt": row["example"]["prompt"], "example_text": row["example"]["text"]}
        line |= {f"{role}_{side}": value for role, sides in row["roles"].items() for side, value in sides.items()}
        writer.writerow(line)
    return text.getvalue().encode()
