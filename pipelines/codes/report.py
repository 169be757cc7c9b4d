"""What the codes of a run mean, from stored results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pipelines.runs.run import Run

if TYPE_CHECKING:
    from circuits.arrays import Floats
    from circuits.components import Component
    from pipelines.discover.head_codes import StoredCodes


FORMAT = "circuit-workbench-codes"


VERSION = 1


Row = Mapping[str, Any]


@dataclass(frozen=True)
class CodeReport:
    """Codes of a run explained, and what this call spent on it.

    rows        one per positive-only code of the chosen heads (`circuits.head_codes.meaning.CodeMeaning`), as plain
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
    from circuits.head_codes.counting import count_positive_only

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
    from circuits.components import head
    from circuits.head_codes.counting import count_positive_only, expected_by_chance

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
