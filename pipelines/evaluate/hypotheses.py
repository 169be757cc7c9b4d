"""What hypothesis tests say of a run's circuit, as plain values."""

from __future__ import annotations

from typing import Any

from circuits.components import Wiring
from circuits.evaluation.hypotheses import HYPOTHESES, Hypothesis, Tested
from pipelines.engine.store import Store
from pipelines.evaluate.plan import JudgeJobs
from pipelines.evaluate.stages import hypothesis_runs_from

Row = dict[str, Any]


def hypothesis_rows(jobs: JudgeJobs, store: Store, wiring: Wiring) -> dict[str, Row] | None:
    """Name of a test -> its row; None where none was asked for."""
    if not jobs.hypotheses:
        return None
    results = tuple(store.read(job.key) for job in jobs.hypotheses)
    runs, is_of_edges = hypothesis_runs_from(results), results[0].meta["level"] == "edges"

    def part(number: int) -> str:
        return str(wiring.edges[number] if is_of_edges else wiring.writers[number])

    rows = {}
    for name, kind in HYPOTHESES.items():
        made = kind()
        tested = made.test(runs)
        rows[name] = _row(made, tested)
        if "superfluous" in tested.numbers:
            rows[name]["superfluous"] = [part(number) for number in tested.numbers["superfluous"]]
    return rows


def _row(made: Hypothesis, tested: Tested) -> Row:
    says = made.in_words(made.rejected) if tested.rejects else "not given up"
    return {
        "null": made.in_words(made.null),
        "p_value": tested.p,
        "rejects": tested.rejects,
        "says": says if tested.reason is None else f"not tested: {tested.reason}",
        "is_good": None if tested.rejects is None else tested.rejects == made.is_good,
        **tested.numbers,
    }
