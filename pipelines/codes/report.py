"""What the codes of a run mean, from stored results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from circuits.components import head
from circuits.head_codes.counting import count_positive_only, expected_by_chance
from pipelines.codes.plan import CodesPlan
from pipelines.reporting.report import Format, Report
from pipelines.reporting.tables import Row
from pipelines.runs.run import Run

if TYPE_CHECKING:
    from circuits.arrays import Floats
    from circuits.head_codes.stored import StoredCodes


@dataclass(frozen=True, kw_only=True)
class CodeReport(Report):
    """Codes of a run, explained.

    rows        one per positive-only code of the chosen heads (`circuits.head_codes.meaning.CodeMeaning`), as plain
                values, by head and then by how many positives show the code
    heads       one per head of the model: its score, whether it is in the circuit, whether its codes are among the
                rows, its group, how many positive-only codes it shows in this trial, and the information in its codes
                (means over all trials, with SD)
    provenance  of the codes

    >>> from pipelines import discover, explain_codes
    >>> coding = {"trials": 1, "epochs": 20}
    >>> run = discover("ioi", corruption="abc", prompts=8, method="head-coding", settings=coding)
    >>> report = explain_codes(run)
    >>> report.n_positives, len(report.heads), report.content()["trial"]
    (8, 16, 0)
    """

    format = Format("circuit-workbench-codes", 1)
    run: str
    trial: int
    n_positives: int
    n_negatives: int
    rows: tuple[Row, ...]
    heads: tuple[Row, ...]
    provenance: Mapping[str, Any]

    def content(self) -> dict[str, Any]:
        numbers = {"n_positives": self.n_positives, "n_negatives": self.n_negatives}
        header = {"run": self.run, "trial": self.trial, **numbers, "provenance": dict(self.provenance)}
        return {**header, "heads": list(self.heads), "codes": list(self.rows)}


def report(plan: CodesPlan) -> CodeReport:
    """What the stored results of a plan say."""
    codes, jobs, store = plan.codes, plan.jobs, plan.store
    n_positives = int(codes.is_positive.sum())
    information = store.read(jobs.information.key).meta
    return CodeReport(
        folder=plan.folder,
        run=plan.run.name,
        trial=plan.trial,
        n_positives=n_positives,
        n_negatives=len(codes.is_positive) - n_positives,
        rows=tuple(store.read(jobs.meaning.key).meta["codes"]),
        heads=tuple(_head_rows(plan.run, codes, plan.scores, plan.trial, plan.chosen, information)),
        provenance=_provenance(plan.run),
    )


def _provenance(run: Run) -> dict[str, Any]:
    source = run.circuit.node_provenance or run.circuit.provenance
    assert source is not None
    return asdict(source)


def _head_rows(
    run: Run, codes: StoredCodes, scores: Floats, trial: int, chosen: Sequence[int], information: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """One row per head of the model, as plain values."""
    wiring, counts = run.circuit.wiring, count_positive_only(codes.codes[trial], codes.is_positive).counts
    chance = expected_by_chance(codes.codes[trial], codes.is_positive)
    present, explained = {str(part) for part in run.circuit.heads}, set(chosen)

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
