"""The files of explained codes.

codes.json        every positive-only code of the chosen heads, and the information in all heads' codes
codes.csv         the codes, one per line
codes.pdf, .svg   codes of all heads on all prompts (`graphs.figures.head_codes`)
autoencoders/     those of all trials, in the layout of SAELens (`circuits.head_codes.saelens_files`)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from circuits.head_codes.grouping import positive_only
from circuits.head_codes.stored import coding_of
from graphs.figures.head_codes import CodeTable, code_figure_bytes
from pipelines.codes.plan import CodesPlan
from pipelines.codes.report import CodeReport
from pipelines.codes.table import columns_of
from pipelines.engine.result_file import Result
from pipelines.engine.store import as_json
from pipelines.reporting.tables import as_csv


def files(plan: CodesPlan, report: CodeReport) -> dict[str, bytes]:
    """Autoencoders first: a folder with those of another run is refused."""
    run, coding, codes = plan.run, coding_of(plan.jobs.meaning.settings), plan.codes.codes[report.trial]
    only = positive_only(codes, plan.codes.is_positive)
    table = CodeTable(codes, only, report.trial, is_shared=coding.n_autoencoders(run.circuit.wiring.n_layers) == 1)
    return {
        **_autoencoders(plan, report),
        "codes.json": as_json(report.to_dict()),
        "codes.csv": as_csv(report.rows, columns_of(report)),
        "codes.pdf": code_figure_bytes(table, run.circuit, "pdf", name=report.run),
        "codes.svg": code_figure_bytes(table, run.circuit, "svg", name=report.run),
    }


def _autoencoders(plan: CodesPlan, report: CodeReport) -> dict[str, bytes]:
    from circuits.head_codes.saelens_files import autoencoder_files

    made = autoencoder_files(
        plan.folder / "autoencoders",
        _joined([plan.store.read(job.key) for job in plan.jobs.autoencoders]),
        coding_of(plan.jobs.meaning.settings),
        model=str(report.provenance["model"]),
        n_layers=plan.run.circuit.wiring.n_layers,
    )
    return {f"autoencoders/{name}": data for name, data in made.items()}


def _joined(results: Sequence[Result]) -> Any:
    """The autoencoders of all trials as one stack, on the CPU."""
    import torch

    from circuits.head_codes.autoencoders import Autoencoders

    names = results[0].arrays
    weights = {name: torch.from_numpy(np.concatenate([one.arrays[name] for one in results])) for name in names}
    return Autoencoders(**weights, top_k=results[0].meta["top_k"])
