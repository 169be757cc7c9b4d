"""Captions in words, ready to paste below a figure or a table of a circuit or a comparison."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from circuits.solved import kept_of_drawn
from graphs.circuit_graph import CircuitGraph
from graphs.comparison.combined import is_combined
from graphs.comparison.comparison import Comparison
from graphs.comparison.overlap import Overlap
from graphs.figures.chosen_by import chosen_by
from graphs.flaws import flaws_of

_LONGEST_LIST = 12


def caption(subject: CircuitGraph | Comparison, *, is_drawn: bool = True) -> str:
    """What a reader must know of a circuit, or of two, in sentences without line breaks.

    is_drawn  whether it stands below a drawing: then it says what lines, colors and boxes mean
    """
    sentences = _of_comparison(subject) if isinstance(subject, Comparison) else _of_circuit(subject)
    drawn = _of_drawing(subject) if is_drawn else ()
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
        yield f"Task {graph.provenance.task}."


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
    return f"of the model {origin.model} for the task {origin.task}"


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
        yield f"{_upper(chosen_by(graph.selection))}."
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
    interval = "" if None in ends else f" [{ends[0]:.2f}, {ends[1]:.2f}] (95 % interval over prompts)"
    use = graph.prompts
    where = "" if use is None or not use.judging else f" on the {use.judging:,} prompts that judged it"
    yield (
        f"Faithfulness: with everything outside it ablated, the circuit keeps {share:.2f}{interval} of the difference "
        f"in the metric between clean and ablated runs{where}."
    )


def _of_drawing(subject: CircuitGraph | Comparison) -> Iterator[str]:
    """What positions, colors, widths and dashes mean."""
    sides = (subject.a, subject.b) if isinstance(subject, Comparison) else (subject,)
    edges = [item for side in sides for item in side.edges]
    if not edges:
        return
    if sides[0].wiring.joins_heads:
        yield "Boxes are the attention (a) and the MLP (m) of layers, counted from 0."
    else:
        yield "Boxes are heads (a3.h1 is head 1 of layer 3, both counted from 0) and MLPs (m3)."
    if any(item.score is not None for item in edges):
        yield "The wider a line, the larger the size of its score."
    if isinstance(subject, Comparison):
        yield f"Colors tell what both circuits have from what only {' or only '.join(subject.labels)} has."
        return
    ports = {item.edge.port for item in edges}
    if ports & {"q", "k", "v"}:
        yield "Colors of lines tell the input of a head that an edge enters: queries, keys or values."
    if any((item.score or 0) < 0 for item in edges):
        yield "Dashed lines have negative scores: they work against the behavior."
    if subject.group_edges:
        yield "Dotted lines lead from a key-value head to the heads that it serves."
    if subject.node_provenance is not None and any(node.score is not None for node in subject.nodes):
        yield "Fills of boxes show the scores of components."
    if any(node.role is not None for node in subject.nodes):
        yield "Frames of heads show their roles."


def _count(n: int, what: str) -> str:
    return f"{n:,} {what}" if n == 1 else f"{n:,} {what}s"


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]
