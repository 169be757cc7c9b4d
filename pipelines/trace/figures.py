"""The figures of a causal trace: recovery rates by layer and position, over depth, of heads, and on images."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypedDict

import numpy as np
from numpy.typing import NDArray

from circuits.data.prompts import PromptSet
from circuits.recovery import Recovery
from circuits.scores import ComponentScores
from circuits.solved import kept_of_drawn
from graphs.figures.trace_depth import depth_figure_bytes
from graphs.figures.trace_heatmap import trace_figure_bytes
from graphs.figures.trace_patches import PatchMaps, patch_figure_bytes
from graphs.recovery_table import KINDS, LAYER_KINDS, TraceTable
from pipelines.engine.store import Store
from pipelines.runs.codec import prompts_from
from pipelines.trace.plan import TracePlan
from pipelines.trace.report import MOST_CURVES, Traced
from pipelines.trace.settings import POSITION_LABELS
from pipelines.trace.stages import trace_from

LABELS: Mapping[str, str] = {position: label for label, position in POSITION_LABELS.items()}
FORMATS: tuple[Literal["pdf", "svg"], ...] = ("pdf", "svg")
_PANELS = 3  # hidden states shown on an image, spread over the depth


def figures_of(report: Traced, plan: TracePlan, store: Store) -> dict[str, bytes]:
    """All figures as PDF and SVG, by file name."""
    table, heads = trace_table(report), head_table(report, report.summary["place"])
    has_curves = len(report.trace.scores.positions) <= MOST_CURVES
    shown = [image_maps(plan, store, number) for number in range(len(plan.jobs.positions))]
    files = {}
    for kind in FORMATS:
        if table is not None:
            files[f"trace.{kind}"] = trace_figure_bytes(table, kind)
        if table is not None and has_curves:
            files[f"depth.{kind}"] = depth_figure_bytes(table, kind)
            files[f"places.{kind}"] = depth_figure_bytes(table, kind, by="position")
        if heads is not None:
            files[f"heads.{kind}"] = trace_figure_bytes(heads, kind)
        files |= {f"patches-{number}.{kind}": patch_figure_bytes(maps, kind) for number, maps in enumerate(shown)}
    return files


def trace_table(report: Traced) -> TraceTable | None:
    """Recovery rates of whole layers by position, for figures; None where only heads were traced."""
    components = report.trace.scores.components
    kinds = [kind for kind in LAYER_KINDS if any(part.kind == kind for part in components)]
    if not kinds:
        return None

    def of_kind(array: Any, kind: str) -> Any:
        return array[:, [number for number, part in enumerate(components) if part.kind == kind]].T

    values, low, high = ({kind: of_kind(array, kind) for kind in kinds} for array in _shown(report.ratio))
    return TraceTable(values, low, high, report.trace.scores.positions, LABELS, **_texts(report))


def head_table(report: Traced, position: str | None) -> TraceTable | None:
    """Recovery rates of single heads at one position; None where none were traced."""
    scores = report.trace.scores
    numbers = [number for number, part in enumerate(scores.components) if part.is_head]
    if not numbers or position not in scores.positions:
        return None
    index, n_heads = scores.positions.index(position), scores.wiring.n_heads
    values, low, high = ({"head": array[index, numbers].reshape(-1, n_heads)} for array in _shown(report.ratio))
    texts = _texts(report)
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


def _texts(report: Traced) -> _Texts:
    summary = report.summary
    metric, settings = summary["metric"], summary["settings"]
    solved = "" if summary["solved"] is None else f", {kept_of_drawn(summary['solved'])}"
    details = [summary["model"], summary["ablation"], metric["name"], f"{summary['n_prompts']} prompts{solved}"]
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


def image_maps(plan: TracePlan, store: Store, number: int) -> PatchMaps:
    """Recovery rates of one prompt at every patch of its image, for some hidden states and the strongest layers."""
    result = store.read(plan.jobs.positions[number].key)
    prompts = prompts_from(store.read(plan.jobs.prompts.key))
    trace = trace_from([result], PromptSet(prompts.task, prompts.prompts[number : number + 1]))
    prompt, scores = prompts.prompts[number], trace.scores
    rows, columns = result.meta["grid"]
    first, gap = result.meta["first"], float(trace.gaps[0])
    if gap <= 0:
        raise ValueError(
            f"prompt {number} has a metric no higher clean than corrupt (gap {gap:z.3g}), so nothing can be recovered: "
            "trace without draw_images, or with more noise."
        )
    indices = [scores.positions.index(str(position)) for position in range(first, first + rows * columns)]
    rates = scores.per_prompt[0, indices].T.reshape(-1, rows, columns) / gap
    chosen = _panels(scores, rates)
    own = np.zeros(rows * columns, dtype=np.bool_)
    own[[position - first for position in prompt.roles.get("object-visual", ()) if position >= first]] = True
    below = f", a gap below {plan.config.min_gap:g}" if gap < plan.config.min_gap else ""
    titles = tuple(f"{KINDS[scores.components[n].kind]}, {scores.components[n]}" for n in chosen)
    origin = scores.provenance
    return PatchMaps(
        result.arrays["seen"],
        rates[chosen],
        titles,
        f"{plan.run_name}: prompt {number}",
        outline=own.reshape(rows, columns) if own.any() else None,
        subtitle=", ".join((origin.model, origin.ablation, origin.metric)),
        notes=(
            f"Asked: {result.meta['asked']}",
            f"One prompt: {origin.metric} is {trace.clean[0]:z.3g} clean and {trace.corrupt[0]:z.3g} corrupt{below}.",
            "Hidden states spread over the depth; attention and MLP outputs of the layer with the largest |RR|.",
        ),
    )


def _panels(scores: ComponentScores, rates: NDArray[Any]) -> list[int]:
    """Indices of the components to show: hidden states spread over the depth, and the strongest layer of each kind."""
    of_kind = {kind: [n for n, part in enumerate(scores.components) if part.kind == kind] for kind in KINDS}
    states = of_kind["residual"][:-1]
    chosen = [states[round(index)] for index in np.linspace(0, len(states) - 1, _PANELS)] if states else []
    for kind in ("attention", "mlp"):
        if numbers := of_kind[kind]:
            chosen.append(numbers[int(np.abs(rates[numbers]).max(axis=(1, 2)).argmax())])
    return list(dict.fromkeys(chosen))
