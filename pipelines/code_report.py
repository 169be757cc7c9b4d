"""What the codes of a head-coding run mean, from Python and as files and tables; `circuits codes` is a thin layer.

codes.json        every positive-only code of the chosen heads, and the information in all heads' codes
codes.csv         the codes, one per line
codes.pdf, .svg   codes of all heads on all prompts (`graphs.code_figure`)
autoencoders/     those of all trials, in the layout of SAELens (`circuits.coding.sae_files`)
"""

from __future__ import annotations

import csv
import io
import json
import textwrap
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.console import Console
from rich.table import Table

from pipelines.api import open_run
from pipelines.carry_out import compute_missing
from pipelines.code_jobs import CodeJobs, code_jobs, require_codes
from pipelines.coding import coding_of
from pipelines.config import execution_from
from pipelines.progress import duration
from pipelines.results import Result
from pipelines.runs import Run, store_of
from pipelines.store import Store, write_atomically, write_json

if TYPE_CHECKING:
    from circuits.components import Component
    from circuits.scores import Floats
    from pipelines.coding import StoredCodes

FORMAT = "circuit-workbench-codes"
VERSION = 1
_DASH = "-"
_ROWS_SHOWN, _TOKENS_SHOWN, _ROLES_SHOWN, _EXAMPLE_SHOWN = 12, 5, 2, 60

Row = Mapping[str, Any]


@dataclass(frozen=True)
class CodeReport:
    """Codes of a run explained, and what this call spent on it.

    rows        one per positive-only code of the chosen heads (`circuits.coding.meaning.CodeMeaning`), as plain
                values, by head and then by how many positives show the code
    heads       one per head of the model: its score, whether it is in the circuit, whether its codes are among the
                rows, its group, how many positive-only codes it shows in this trial, and the information in its codes
                (means over all trials, with SD)
    provenance  of the codes
    folder      holds the files
    """

    run: str
    trial: int
    n_positives: int
    n_negatives: int
    rows: tuple[Row, ...]
    heads: tuple[Row, ...]
    provenance: Mapping[str, Any]
    folder: Path
    n_jobs: int
    n_computed: int
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        """The content of codes.json: the results, without their cost."""
        numbers = {"n_positives": self.n_positives, "n_negatives": self.n_negatives}
        header = {"run": self.run, "trial": self.trial, **numbers, "provenance": dict(self.provenance)}
        return {"format": FORMAT, "version": VERSION, **header, "heads": list(self.heads), "codes": list(self.rows)}


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
    """
    began = time.monotonic()
    where = execution_from({"out": out} | execution)
    opened = open_run(run, out=where.out) if isinstance(run, str | Path) else run
    codes = _codes(opened)
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


def _codes(run: Run) -> StoredCodes:
    require_codes(run)
    assert run.codes is not None
    return run.codes


def _chosen(run: Run, codes: StoredCodes, scores: Floats, trial: int, n: int | None) -> list[int]:
    """Indices of the heads whose codes are explained; a ValueError for a trial or a number of heads out of range."""
    n_trials, _, n_heads = codes.codes.shape
    if not 0 <= trial < n_trials:
        known = "1 trial, which is 0" if n_trials == 1 else f"{n_trials} trials, 0 to {n_trials - 1}"
        raise ValueError(f"trial is {trial}: run {run.name} has {known}.")
    if n is None:
        return [_number(part, run) for part in run.graph.heads]
    if not 1 <= n <= n_heads:
        raise ValueError(f"heads is {n}: give 1 to {n_heads}, the model's heads; or leave it out for the circuit's.")
    return sorted(np.argsort(-scores, kind="stable")[:n].tolist())


def _number(part: Component, run: Run) -> int:
    """Index of a head, counted through the layers."""
    return (part.layer or 0) * run.graph.wiring.n_heads + (part.index or 0)


def _head_scores(run: Run, codes: StoredCodes) -> Floats:
    """[head] the method's scores; if it scores pairs, the number of positive-only codes per head (mean over trials)."""
    from circuits.coding.counting import count_positive_only

    if run.node_scores is not None:
        return run.node_scores.means[0]
    return np.mean([count_positive_only(trial, codes.is_positive).counts for trial in codes.codes], axis=0)


def _provenance(run: Run) -> dict[str, Any]:
    source = run.graph.node_provenance or run.graph.provenance
    assert source is not None
    return asdict(source)


def _head_rows(
    run: Run, codes: StoredCodes, scores: Floats, trial: int, chosen: Sequence[int], information: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """One row per head of the model, as plain values."""
    from circuits.coding.counting import count_positive_only, expected_by_chance
    from circuits.components import head

    wiring, counts = run.graph.wiring, count_positive_only(codes.codes[trial], codes.is_positive).counts
    chance = expected_by_chance(codes.codes[trial], codes.is_positive)
    present, explained = {str(part) for part in run.graph.heads}, set(chosen)

    def of_head(per_head: Mapping[str, Any] | None, number: int) -> dict[str, float | None] | None:
        if per_head is None:
            return None
        return {name: None if values is None else values[number] for name, values in per_head.items()}

    rows = []
    for number in range(codes.codes.shape[2]):
        name = str(head(*divmod(number, wiring.n_heads)))
        rows.append(
            {
                "head": name,
                "score": float(scores[number]),
                "in_circuit": name in present,
                "explained": number in explained,
                "group": information["groups"][number],
                "positive_only_codes": int(counts[number]),
                "by_chance": float(chance[number]),
                "tells": {label: of_head(information[label], number) for label in ("is_positive", "answer")},
            }
        )
    return rows


# --- files ---------------------------------------------------------------------------------------------------------


def _write(report: CodeReport, run: Run, codes: StoredCodes, jobs: CodeJobs, store: Store) -> None:
    from circuits.coding.grouping import positive_only
    from circuits.coding.sae_files import write_autoencoders
    from graphs.code_figure import CodeTable, code_figure_bytes

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

    from circuits.coding.autoencoders import Autoencoders

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


# --- tables --------------------------------------------------------------------------------------------------------


def print_codes(report: CodeReport) -> None:
    """The codes that most positives show, the heads that they belong to, and where everything is saved."""
    console = Console(markup=False, highlight=False)
    asked = {row["head"] for row in report.rows}
    table = Table(title=f"{report.run}: codes that only positives show, trial {report.trial}", title_justify="left")
    for column in ("head", "code", "positives", "promotes", "activates at (negatives)", "example"):
        table.add_column(column, overflow="fold")
    shown = sorted(report.rows, key=lambda row: -row["n_positives"])[:_ROWS_SHOWN]
    for row in shown:
        example = row["example"]
        table.add_row(
            row["head"],
            str(row["code"]),
            f"{row['n_positives']} of {report.n_positives}",
            _promoted(row),
            _activates_at(row),
            f"{example['prompt']}: {textwrap.shorten(example['text'], _EXAMPLE_SHOWN, placeholder=' ...')}",
        )
    console.print(table)
    if len(shown) < len(report.rows):
        console.print(f"{len(shown)} of {len(report.rows)} codes, those that most positives show; codes.csv has all.")
    heads = Table(title="information in these heads' codes, all trials", title_justify="left")
    for column in ("head", "score", "group", "codes here (by chance)", "whether positive", "which answer"):
        heads.add_column(column)
    for row in report.heads:
        if row["head"] in asked:
            group = _DASH if row["group"] is None else str(row["group"])
            of_chance = f"{row['positive_only_codes']} ({row['by_chance']:.1f})"
            cells = [row["head"], f"{row['score']:.3g}", group, of_chance]
            heads.add_row(*cells, *(_information_cell(row["tells"][label]) for label in ("is_positive", "answer")))
    console.print(heads)
    console.print(
        "By chance: mean with shuffled labels. Whether positive, which answer: adjusted mutual information, 0 (by "
        "chance) to 1, mean over trials +- SD. Groups: heads that show such codes on the same prompts. A feature may "
        "be active on negatives without being the strongest there.",
        soft_wrap=True,
    )
    n_showing = sum(row["positive_only_codes"] > 0 for row in report.heads)
    console.print(
        f"{n_showing} of {len(report.heads)} heads show such codes; {report.n_positives} positives, "
        f"{report.n_negatives} negatives.",
        soft_wrap=True,
    )
    spent = f"{report.n_computed} of {report.n_jobs} jobs computed" if report.n_computed else "nothing new to compute"
    console.print(f"{spent}, {duration(report.seconds)}. Kept in {report.folder}", soft_wrap=True)


def _tokens(row: Row) -> list[str | int]:
    """The tokens that the dictionary vector promotes, as text, or as ids without a tokenizer."""
    return [token["token"] if token["text"] is None else token["text"] for token in row["lens"]]


def _promoted(row: Row) -> str:
    if row["vector"] is None:
        return "(no active feature)"
    return " ".join(map(str, _tokens(row)[:_TOKENS_SHOWN])) or _DASH


def _activates_at(row: Row) -> str:
    """The roles with the strongest activations, with means over the positives and over the negatives."""
    known = [(role, sides) for role, sides in row["roles"].items() if sides["positives"] is not None]
    strongest = sorted(known, key=lambda entry: -entry[1]["positives"])[:_ROLES_SHOWN]
    return ", ".join(
        f"{role} {sides['positives']:.2g} ({_number_or_dash(sides['negatives'])})" for role, sides in strongest
    )


def _number_or_dash(value: float | None) -> str:
    return _DASH if value is None else f"{value:.2g}"


def _information_cell(information: Mapping[str, float | None] | None) -> str:
    if information is None:
        return _DASH
    spread = "" if information["adjusted_sd"] is None else f" +- {information['adjusted_sd']:.2f}"
    return f"{information['adjusted']:z.2f}{spread}"
