"""What a method's scores cost."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pipelines.engine.job import Job
from pipelines.engine.store import Store


def cost_of(measured: Sequence[Job], baseline: Job, store: Store, reasons: dict[str, str]) -> dict[str, Any]:
    """What the method itself cost; None, with an entry in `reasons`, where the cost of a job was not recorded.

    measured  the jobs of the method
    baseline  holds the cost of a forward pass over all prompts, the unit of `forward_equivalents`
    """
    costs = [store.cost(job.key) or {} for job in measured]

    def each(name: str) -> list[float] | None:
        values = [cost.get(name) for cost in costs]
        return None if None in values else values  # pyright: ignore[reportReturnType]

    work, seconds, peaks = each("multiply_adds"), each("seconds"), each("peak_memory_mb")
    one_pass = store.read(baseline.key).meta.get("forward_multiply_adds")
    for name, recorded in (("forward_equivalents", work and one_pass), ("seconds", seconds), ("peak_memory_mb", peaks)):
        if not recorded:
            reasons[name] = "not recorded when the scores were computed"
    return {
        "forward_equivalents": sum(work) / one_pass if work and one_pass else None,
        "seconds": round(sum(seconds), 3) if seconds else None,
        "peak_memory_mb": max(peaks) if peaks else None,
    }
