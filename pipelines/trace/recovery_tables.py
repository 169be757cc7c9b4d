"""Recovery rates of a causal trace as the tables that figures show."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypedDict

import numpy as np

from circuits.numbers import count_text
from circuits.recovery import Recovery, Trace
from circuits.solved import kept_of_drawn
from graphs.recovery_table import LAYER_KINDS, TraceTable
from pipelines.trace.settings import POSITION_LABELS

LABELS: Mapping[str, str] = {position: label for label, position in POSITION_LABELS.items()}


def trace_table(trace: Trace, summary: Mapping[str, Any]) -> TraceTable | None:
    """Recovery rates of whole layers by position, for figures; None where only heads were traced."""
    components = trace.scores.components
    kinds = [kind for kind in LAYER_KINDS if any(part.kind == kind for part in components)]
    if not kinds:
        return None

    def of_kind(array: Any, kind: str) -> Any:
        return array[:, [number for number, part in enumerate(components) if part.kind == kind]].T

    values, low, high = ({kind: of_kind(array, kind) for kind in kinds} for array in _shown(trace.ratio_of_means()))
    return TraceTable(values, low, high, trace.scores.positions, LABELS, **_texts(summary))


def head_table(trace: Trace, summary: Mapping[str, Any]) -> TraceTable | None:
    """Recovery rates of single heads at the position of the summary; None where none were traced."""
    scores, position = trace.scores, summary["place"]
    numbers = [number for number, part in enumerate(scores.components) if part.is_head]
    if not numbers or position not in scores.positions:
        return None
    index, n_heads = scores.positions.index(position), scores.wiring.n_heads
    values, low, high = (
        {"head": array[index, numbers].reshape(-1, n_heads)} for array in _shown(trace.ratio_of_means())
    )
    texts = _texts(summary)
    texts["title"] += f": heads at {LABELS.get(str(position), str(position))}"
    return TraceTable(values, low, high, tuple(f"head {number}" for number in range(n_heads)), {}, **texts)


def _shown(recovery: Recovery) -> tuple[Any, Any, Any]:
    """Values and ends of the intervals; ends are missing where values are, as figures need it."""
    missing = ~np.isfinite(recovery.values)
    values, low, high = (np.where(missing, np.nan, array) for array in recovery[:3])
    return values, low, high


class _Texts(TypedDict):
    title: str
    subtitle: str
    notes: tuple[str, ...]


def _texts(summary: Mapping[str, Any]) -> _Texts:
    metric, settings = summary["metric"], summary["settings"]
    solved = "" if summary["solved"] is None else f", {kept_of_drawn(summary['solved'])}"
    details = [
        summary["model"],
        summary["ablation"],
        metric["name"],
        f"{count_text(summary['n_prompts'], 'prompt')}{solved}",
    ]
    details += [f"{settings[name]} {name}" for name in ("samples",) if settings[name] > 1]
    details += [f"windows of {settings['window']} layers"] if settings["window"] > 1 else []
    clean = (
        f"{metric['name']} is {metric['clean']:z.3g} clean and {metric['corrupt']:z.3g} corrupt, means over prompts."
    )
    notes = [f"Ratios of means. {clean}"]
    if summary["n_below_floor"]:
        notes.append(
            f"{summary['n_below_floor']} of {summary['n_prompts']} prompts have a gap below {summary['floor']:g}."
        )
    return _Texts(title=summary["run"], subtitle=", ".join(details), notes=tuple(notes))
