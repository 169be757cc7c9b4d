"""The layered drawing of one circuit."""

from __future__ import annotations

from graphs.circuit_graph import MINIMAL, CircuitGraph
from graphs.figures.layered.composition import Composition, compose
from graphs.figures.layered.legend import (
    effect_entries,
    port_entries,
    role_entries,
    score_entries,
    serving_entries,
    sign_entries,
)
from graphs.figures.layered.looks import box_looks, line_looks, node_effects
from graphs.figures.layered.scene import scene_of
from graphs.figures.layered.settings import DrawingSettings
from graphs.figures.layered.sheet import Words
from graphs.figures.layered.shown import Measured, Shown, notes_in
from graphs.figures.subtitle import subtitle_of


def compose_circuit(graph: CircuitGraph, settings: DrawingSettings, measured: Measured | None = None) -> Composition:
    """One circuit: boxes filled by effect (else by kind) and framed by role, lines by score.

    measured  how faithful a part of the circuit is, where that is known

    ValueError where the settings leave nothing to draw, or more than fits.
    """
    return compose(
        scene_of([graph]),
        settings,
        lambda shown: _words(graph, shown, settings, measured),
        boxes=lambda scene: box_looks(scene, graph),
        lines=line_looks,
    )


def _words(graph: CircuitGraph, shown: Shown, settings: DrawingSettings, measured: Measured | None) -> Words:
    effects, limit = node_effects(graph)
    what = "score" if graph.provenance is None else f"|score|, {graph.provenance.metric}"
    are_filled = any(len(box.parts) == 1 and box.parts[0] in effects for box in shown.scene.boxes.values())
    legend = [
        *score_entries(shown.scene, what, settings.size),
        *sign_entries(line_looks(shown.scene), settings.size),
        *port_entries(shown.scene, settings.size),
        *serving_entries(shown.scene, settings.size),
        *role_entries(shown.scene, settings.size),
        *(effect_entries(limit, _effect_label(graph), settings.size) if are_filled else []),
    ]
    part = None
    n_lines = len(shown.scene.lines)
    if measured is not None and 0 < n_lines < graph.n_edges and shown.n_edges == (n_lines,):
        part = measured(frozenset(line.name for line in shown.scene.lines))
    further = [graph.description, *_certificate(graph), *notes_in(shown.scene, settings)]
    words = Words(graph.label, subtitle_of(graph), further=further, legend=legend, note=graph.reason)
    return shown.on(words, part=part)


def _certificate(graph: CircuitGraph) -> list[str]:
    """What an elimination has shown of a minimal circuit; no line of any other."""
    facts = graph.selection
    if facts.get("name") != MINIMAL:
        return []
    verdict = "no single edge can go" if facts["certified"] else "NOT CERTIFIED: the runs ended too early"
    also = f", {n} other circuit{'s' if n > 1 else ''} as small" if (n := facts["n_others"]) else ""
    bound = f"{facts['rule']} bound, tolerance {facts['tolerance']:g}"
    return [f"minimal: {verdict} ({bound}, {facts['n_runs']} circuit runs){also}"]


def _effect_label(graph: CircuitGraph) -> str:
    origin = graph.node_provenance
    metric = "the metric" if origin is None else origin.metric
    restores = origin is not None and (
        origin.method == "causal-tracing" or origin.settings.get("direction") == "restore"
    )
    return f"node score: by how much {'restoring it raises' if restores else 'corrupting it lowers'} {metric}"
