"""Captions in words, ready to paste below a figure or a table of a circuit or a comparison."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from circuits.kinds import Port
from circuits.scores import NOT_RECORDED
from circuits.solved import kept_of_drawn
from graphs.circuit_graph import CircuitGraph
from graphs.comparison.combined import is_combined
from graphs.comparison.comparison import Comparison
from graphs.comparison.overlap import Overlap
from graphs.figures.chosen_by import circuit_chosen_by
from graphs.figures.layered.comparison import membership_names
from graphs.figures.layered.composition import Composition
from graphs.figures.layered.looks import MEMBERSHIP_COLORS, membership_of, node_effects, role_frames
from graphs.figures.palette import BLUE, OPPOSES, ORANGE, SUPPORTS, VERMILION, WINE
from graphs.flaws import flaws_of

_LONGEST_LIST = 12
_NAMES: Mapping[str, str] = {
    VERMILION: "vermilion",
    BLUE: "blue",
    ORANGE: "orange",
    WINE: "wine red, dash-dotted",
    MEMBERSHIP_COLORS["shared"]: "dark gray",
}
_MARKERS: Mapping[Port, str] = {"q": "a disk for queries", "k": "a square for keys", "v": "a triangle for values"}


def caption(subject: CircuitGraph | Comparison, drawing: Composition | None = None) -> str:
    """What a reader must know of a circuit, or of two, in sentences without line breaks.

    drawing  that it stands below: then it says what this shows, and what lines, colors and boxes mean
    """
    sentences = _of_comparison(subject) if isinstance(subject, Comparison) else _of_circuit(subject)
    drawn = () if drawing is None else _of_drawing(subject, drawing)
    return " ".join([*sentences, *drawn])


def _of_circuit(graph: CircuitGraph) -> Iterator[str]:
    yield f"{_what(graph)} {_origin(graph)}: {_size(graph)}."
    yield from _details(graph)


def _of_comparison(comparison: Comparison) -> Iterator[str]:
    a, b = comparison.a, comparison.b
    yield f"Two circuits: {comparison.labels[0]} ({_size(a)}) and {comparison.labels[1]} ({_size(b)})."
    yield from _shared(comparison)
    said = [[*_model_and_task(side), *_details(side)] for side in (a, b)]
    common = [sentence for sentence in said[0] if sentence in said[1]]
    own = [[sentence for sentence in sentences if sentence not in common] for sentences in said]
    for whose, sentences in zip(("Both circuits", *comparison.labels), (common, *own), strict=True):
        if sentences:
            yield f"{whose}: {_lower(sentences[0])}"
            yield from sentences[1:]


def _model_and_task(graph: CircuitGraph) -> Iterator[str]:
    if graph.provenance is not None:
        yield f"Model {graph.provenance.model}."
        yield f"Task {graph.label}."


def _shared(comparison: Comparison) -> Iterator[str]:
    parts = "attention of layers" if comparison.a.wiring.joins_heads else "heads"
    said = [_overlap(parts, comparison.reuse.heads)]
    if not comparison.a.wiring.joins_heads:
        said.append(_overlap("edges", comparison.reuse.edges))
    yield f"They share {' and '.join(said)}."


def _overlap(what: str, overlap: Overlap) -> str:
    if overlap.iou is None:
        return f"no {what}, of which neither has any"
    return f"{overlap.n_shared:,} of {overlap.n_either:,} {what} (intersection over union {overlap.iou:.2f})"


def _what(graph: CircuitGraph) -> str:
    if graph.wiring.joins_heads:
        return "The layers that matter"
    return "A circuit made of several" if is_combined(graph) else "The circuit"


def _origin(graph: CircuitGraph) -> str:
    origin = graph.provenance
    if origin is None:
        return "whose model and task are not recorded"
    if origin.model == NOT_RECORDED:
        return f"called {graph.label}, whose model is not recorded"
    return f"of the model {origin.model} for the task {graph.label}"


def _size(graph: CircuitGraph) -> str:
    """`56 of 479 edges between 10 heads and 4 MLPs`; of a trace, which layers' outputs."""
    parts = [node.component for node in graph.nodes]
    n_mlps = sum(part.in_mlp for part in parts)
    if graph.wiring.joins_heads:
        return f"the attention of {_count(len(graph.heads), 'layer')} and the MLP of {_count(n_mlps, 'layer')}"
    if not graph.edges:
        return f"empty, none of {graph.of_edges:,} edges"
    mlps = f" and {_count(n_mlps, 'MLP')}" if graph.wiring.has_mlps else ""
    return f"{graph.n_edges:,} of {graph.of_edges:,} edges, with {_count(len(graph.heads), 'head')}{mlps}"


def _details(graph: CircuitGraph) -> Iterator[str]:
    yield from _prompts(graph)
    yield from _scores(graph)
    if not graph.wiring.joins_heads:
        yield f"{_upper(circuit_chosen_by(graph.selection, graph.metrics, graph.threshold))}."
    yield from _faithfulness(graph)
    for flaw in flaws_of(graph):
        yield f"{_upper(flaw.text)}" if flaw.text.endswith(".") else f"{_upper(flaw.text)}."


def _prompts(graph: CircuitGraph) -> Iterator[str]:
    origin, use = graph.provenance, graph.prompts
    if origin is None:
        return
    facts = [] if origin.seed is None else [f"seed {origin.seed}"]
    facts += [] if origin.solved is None else [kept_of_drawn(origin.solved)]
    if use is not None:
        yield f"{_upper(use.in_words(*facts))}."
    elif facts:
        yield f"Prompts: {'; '.join(facts)}."
    if use is not None and use.corruption is not None:
        name, _, meaning = use.corruption.partition(": ")
        yield f"Corrupted prompts ({name}): {meaning}."


def _scores(graph: CircuitGraph) -> Iterator[str]:
    """By what method parts were scored, with its settings, and what was put in for what is ablated."""
    origin = graph.provenance
    if origin is None:
        return
    nodes, edges = graph.scored_by["nodes"], graph.scored_by["edges"]
    own = graph.node_provenance
    if own is not None and nodes is not None and nodes != edges:
        yield f"Components are scored by {_method(own.method, own.settings, nodes['scores_are'])}."
    if edges is not None:
        yield f"Edges are scored by {_method(origin.method, origin.settings, edges['scores_are'])}."
    if origin.metric == NOT_RECORDED:
        yield "The metric, and what ablated activations are, are not recorded."
        return
    ablated = "those of the corrupted prompts" if origin.ablation == "corrupt" else f"replaced by {origin.ablation}"
    yield f"The metric is the {origin.metric.replace('-', ' ')}; ablated activations are {ablated}."


def _method(name: str, settings: Mapping[str, Any], scores_are: str) -> str:
    said = ", ".join(f"{key.replace('_', ' ')} {_value(value)}" for key, value in settings.items())
    return f"{name} ({'; '.join(filter(None, (scores_are, said)))})"


def _value(value: Any) -> str:
    if isinstance(value, list | tuple):
        shown = ", ".join(map(str, value[:_LONGEST_LIST]))
        return f"[{shown}, ...]" if len(value) > _LONGEST_LIST else f"[{shown}]"
    return str(value)


def _faithfulness(graph: CircuitGraph) -> Iterator[str]:
    share = graph.faithfulness
    if graph.wiring.joins_heads:
        return
    if share is None:
        yield "Its faithfulness was not measured."
        return
    ends = [graph.metrics.get(f"faithfulness_{end}") for end in ("low", "high")]
    interval = "" if None in ends else f" [{ends[0]:z.2f}, {ends[1]:z.2f}] (95 % interval over prompts)"
    use = graph.prompts
    where = "" if use is None or not use.judging else f" on the {use.judging:,} prompts that judged it"
    yield (
        f"Faithfulness: with everything outside it ablated, the circuit keeps {share:z.2f}{interval} of the difference "
        f"in the metric between clean and ablated runs{where}."
    )


def _of_drawing(subject: CircuitGraph | Comparison, drawing: Composition) -> Iterator[str]:
    """How much of the circuit is drawn, and what its places, colors, widths, dashes and markers mean."""
    scene = drawing.scene
    if not scene.lines:
        return
    yield from drawing.sheet.words.shown
    parts = [part for box in scene.boxes.values() for part in box.parts]
    bottom, top = ("left", "right") if drawing.sheet.is_right else ("bottom", "top")
    heads = "heads (a3.h1 is head 1 of layer 3, both counted from 0)" if any(part.is_head for part in parts) else None
    layers = "the attention of layers (a3)" if any(part.in_attention and not part.is_head for part in parts) else None
    mlps = "MLPs (m3)" if any(part.in_mlp for part in parts) else None
    boxes = [text for text in (heads, None if heads else layers, mlps) if text is not None]
    yield f"Layers run from {bottom} to {top}" + (f"; boxes are {' and '.join(boxes)}." if boxes else ".")
    if scene.ranked_by == "score":
        yield "The wider and stronger a line, the larger the size of its score."
    yield from _of_circuits(subject, drawing) if isinstance(subject, Comparison) else _of_signs(subject, drawing)
    if ports := [shape for port, shape in _MARKERS.items() if any(line.port == port for line in scene.lines)]:
        yield f"Markers where lines end tell the input of a head: {', '.join(ports)}."
    if scene.serves:
        yield "Key-value heads (kv) stand beside the heads that they serve."


def _of_signs(graph: CircuitGraph, drawing: Composition) -> Iterator[str]:
    """The looks of the lines and boxes of one circuit."""
    signs = [score for line in drawing.scene.lines if (score := line.scores[0])]
    said = [f"{_NAMES[SUPPORTS]} lines support the behavior (positive scores)"] if max(signs, default=0) > 0 else []
    said += [f"{_NAMES[OPPOSES]} dashed lines work against it (negative scores)"] if min(signs, default=0) < 0 else []
    if said:
        yield f"{_upper(', '.join(said))}."
    effects, _ = node_effects(graph)
    if effects:
        yield f"Fills of boxes show the scores of components: {_NAMES[SUPPORTS]} positive, {_NAMES[OPPOSES]} negative."
    if roles := [str(role) for role in role_frames(drawing.scene)]:
        yield f"Frames of boxes show roles: {', '.join(roles)}."


def _of_circuits(comparison: Comparison, drawing: Composition) -> Iterator[str]:
    """The looks of the lines of two circuits."""
    kinds = {membership_of(line) for line in drawing.scene.lines}
    names = membership_names(comparison).items()
    said = [f"{_NAMES[MEMBERSHIP_COLORS[kind]]} {name}" for kind, name in names if kind in kinds]
    yield f"Lines and boxes: {', '.join(said)}."
    if any(look.dashes == "dashed" for look in drawing.lines):
        yield "Dashed lines have negative scores: they work against the behavior."


def _count(n: int, what: str) -> str:
    return f"{n:,} {what}" if n == 1 else f"{n:,} {what}s"


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]
