"""The columns of comparisons: one name each in the terminal, in files and in tables for papers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from circuits.quantities import QUANTITIES
from graphs.comparison.measures import MEASURES
from pipelines.reporting.p_values import Draws
from pipelines.reporting.tables import Column, measured

Row = Mapping[str, Any]
MATCHED_P = measured("matched_p", "matched.p_value", draws=Draws("matched.n", "circuits on other heads", "--draws"))
RANDOM_P = measured("random_p", "random.p_value", draws=Draws("random.n", "random circuits", "--draws"))
SAMPLES = Draws("n_samples", "sampled circuits", None)
P = measured("p_value", draws=SAMPLES)
# Of several runs, the p-value that was corrected is the one that its samples bound.
P_CORRECTED = measured("p_value_corrected", draws=SAMPLES._replace(raw="p_value"))
FAITHFULNESS = measured("faithfulness", interval="interval")
RETENTION = measured("retention", "retention.value", interval="retention.interval")
NORMALIZED = measured("normalized", "normalized.value", interval="normalized.interval")
ACCURACY = measured("accuracy_circuit", "accuracy.circuit.value", interval="accuracy.circuit.interval")
MATCHED = measured("matched_faithfulness", "matched.mean", interval="matched.range")
SIZED = measured("sized_faithfulness", "sized.faithfulness", interval="sized.interval")
IOU = measured("iou", interval="interval")
REUSE_INDEX = measured("reuse_index", "reuse_index.value", interval="reuse_index.interval")
WITHIN = tuple(measured(name, f"reuse_index.{name}") for name in ("within_a", "within_b"))

# A row per circuit and task.
TRANSFER = (
    *map(Column, ("circuit", "task")),
    measured("n_edges"),
    FAITHFULNESS,
    measured("own_faithfulness"),
    RETENTION,
    NORMALIZED,
    measured("matched_circuits", "matched.n"),
    measured("matched_faithfulness", "matched.mean"),
    MATCHED_P,
    measured("random_circuits", "random.n"),
    measured("random_faithfulness", "random.mean"),
    RANDOM_P,
    *(
        measured(f"accuracy_{name}", f"accuracy.{name}.value", interval=f"accuracy.{name}.interval")
        for name in ("circuit", "own", "empty", "retention")
    ),
    measured("accuracy_model", "accuracy.model"),
    measured("sized_n_edges", "sized.n_edges"),
    SIZED,
)


def measure(name: str) -> Column:
    """The column of a measure of overlap; those of other packages are called by their names."""
    path = f"measures.{name}"
    return measured(name, path) if name in QUANTITIES else Column(name, path, ".2f")


# A row per pair and level.
OVERLAP = (
    *map(Column, ("a", "b", "level")),
    *map(measured, ("n_a", "n_b", "n_shared", "n_common")),
    IOU,
    *(measure(name) for name in MEASURES if name != "iou"),
    Column("scores_are", cell=lambda row: None if row["scores_are"] is None else "; ".join(row["scores_are"])),
    *WITHIN,
    measured("between", "reuse_index.between"),
    measured("between_expected", "reuse_index.chance"),
    REUSE_INDEX,
)
# A row per pair, level, null and measure; `leads` where tables of the overlap show its p.
CHANCE = (
    *map(Column, ("a", "b", "level", "null", "measure", "value")),
    measured("expected"),
    P,
    P_CORRECTED,
    *map(Column, ("can_tell", "leads", "n_samples")),
)
