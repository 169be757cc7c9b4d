"""The figures of a causal trace: recovery rates by layer and position, over depth, of heads, and on images."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from circuits.data.prompts import PromptSet
from circuits.scores import ComponentScores
from graphs.figures.trace_depth import depth_figure_bytes
from graphs.figures.trace_heatmap import trace_figure_bytes
from graphs.figures.trace_patches import PatchMaps, patch_figure_bytes
from graphs.recovery_table import KINDS
from pipelines.engine.store import Store
from pipelines.runs.codec import prompts_from
from pipelines.trace.plan import TracePlan
from pipelines.trace.recovery_tables import head_table, trace_table
from pipelines.trace.report import MOST_CURVES, Traced
from pipelines.trace.stages import trace_from

FORMATS: tuple[Literal["pdf", "svg"], ...] = ("pdf", "svg")
_PANELS = 3  # hidden states shown on an image, spread over the depth


def figures_of(report: Traced, plan: TracePlan, store: Store) -> dict[str, bytes]:
    """All figures as PDF and SVG, by file name."""
    table, heads = trace_table(report.trace, report.summary), head_table(report.trace, report.summary)
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
