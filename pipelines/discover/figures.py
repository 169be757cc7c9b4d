"""The figure of a discovery: faithfulness over the size of circuits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal

from graphs.figures.chosen_by import circuit_chosen_by
from graphs.figures.size_curve import (
    RandomPoint,
    SizeCurves,
    SizeFall,
    SizePanel,
    SizePoint,
    SizeSeries,
    size_figure_bytes,
)
from pipelines.discover.settings import RANKINGS
from pipelines.discover.sizes_tried import all_searches
from pipelines.discover.steepness import steep_sizes
from pipelines.runs.run import around_circuit

FORMATS: tuple[Literal["pdf", "svg"], ...] = ("pdf", "svg")


def figures_of(summary: Mapping[str, Any], *, bound: float) -> dict[str, bytes]:
    """sizes.pdf and sizes.svg, where these tell something; reports and pages show the sizes in any case.

    bound  the least faithfulness that was asked for
    """
    if not tells_something(summary):
        return {}
    curves = size_curves(summary, bound=bound)
    return {f"sizes.{kind}": size_figure_bytes(curves, kind) for kind in FORMATS}


def tells_something(summary: Mapping[str, Any]) -> bool:
    """Whether the curve was asked for, is not monotone, or is steep at the circuit."""
    has_falls = any(search["falls"] for _, search in all_searches(summary["choice"]))
    return "curve" in summary or has_falls or bool(steep_sizes(summary))


def size_curves(summary: Mapping[str, Any], *, bound: float, random: Mapping[str, Any] | None = None) -> SizeCurves:
    """What the figure shows: the sizes that were tried, in components and in edges, and the curve at MIB's budgets.

    random  the `random_curve` of an evaluation of this run
    """
    panels = [panel for of in ("components", "edges") if (panel := _of_search(summary, of)) is not None]
    if "curve" in summary:
        panels.append(_of_curve(summary))
    if random is not None:
        panels = [replace(panel, **_of_random(random)) if panel.of == "edges" else panel for panel in panels]
    return SizeCurves(f"{summary['task']}: faithfulness over size", _subtitle(summary, bound), tuple(panels), bound)


def _of_random(random: Mapping[str, Any]) -> dict[str, Any]:
    points = zip(*(random[name] for name in ("sizes", "mean", "least", "most")), strict=True)
    return {"random": tuple(RandomPoint(*point) for point in points), "n_random": random["n"]}


def _subtitle(summary: Mapping[str, Any], bound: float) -> str:
    parts = [f"model {summary['model']}", f"method {summary['method']}", f"metric {summary['metric']['name']}"]
    if summary["ablation"] != "corrupt":
        parts.append(f"ablation {summary['ablation'].partition('(')[0]}")
    fitted = summary["faithfulness_on_choosing"]
    reached = {} if fitted is None else {"faithfulness_on_choosing": fitted, "least_faithfulness": bound}
    chosen = circuit_chosen_by(summary["circuit"]["selection"], around_circuit(summary) | reached)
    return " · ".join([*parts, chosen])


def _n_first(summary: Mapping[str, Any]) -> int:
    """How many prompts only choose."""
    return summary["n_choosing"] if summary["judged_on"] == "held-out" else 0


def _of_search(summary: Mapping[str, Any], of: str) -> SizePanel | None:
    """The sizes that were tried; the circuit of the run, where its size was found by this search."""
    found = [(ranking, search) for ranking, search in all_searches(summary["choice"]) if search["of"] == of]
    if not found:
        return None
    series = tuple(
        _series(RANKINGS[ranking], search["tried"], search["intervals"], search["falls"]) for ranking, search in found
    )
    title = f"sizes that were tried, on the {summary['n_choosing']} prompts that choose"
    return SizePanel(title, of, series, _circuit(summary) if of == "edges" else None)


def _circuit(summary: Mapping[str, Any]) -> SizePoint | None:
    """The circuit of the run; None where its faithfulness is not defined."""
    if summary["faithfulness"] is None:
        return None
    interval = summary["faithfulness_interval"]
    ends = None if interval is None else tuple(interval)
    return SizePoint(summary["circuit"]["n_edges"], summary["faithfulness"], ends)


def _of_curve(summary: Mapping[str, Any]) -> SizePanel:
    curve, n_judging = summary["curve"], summary["n_prompts"] - _n_first(summary)

    def of_ranking(ranking: str) -> SizeSeries:
        points = list(zip(curve["sizes"], curve[f"faithfulness_{ranking}"], strict=True))
        return _series(RANKINGS[ranking], points, curve[f"intervals_{ranking}"], curve[f"falls_{ranking}"])

    title = f"MIB's budgets, edges ranked by {curve['ranked_by']}, on the {n_judging} prompts that judge"
    return SizePanel(title, "edges", tuple(map(of_ranking, RANKINGS)), _circuit(summary))


def _series(name: str, points: Any, intervals: Any, falls: Any) -> SizeSeries:
    return SizeSeries(
        name,
        tuple(
            SizePoint(size, value, None if interval is None else tuple(interval))
            for (size, value), interval in zip(points, intervals, strict=True)
        ),
        tuple(SizeFall(fall["smaller"], fall["larger"], fall["change"]) for fall in falls),
    )
