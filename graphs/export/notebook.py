"""What notebooks show of circuits and comparisons: a small drawing and numbers; and pictures that can be saved."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from circuits.html_text import html_block, html_facts, html_image, html_note, html_table
from graphs.circuit_graph import CircuitGraph
from graphs.comparison.comparison import Comparison
from graphs.comparison.overlap import Overlap
from graphs.export.about import MARK, about_text
from graphs.figures.layered.drawing import composed, drawing_bytes
from graphs.figures.layered.settings import DrawingSettings
from graphs.figures.sizes import Size
from graphs.picture import Picture, PictureFormat

_SMALL = Size(6.0, 4.2, font=6.5)
_MOST_HEADS = 8


def picture_of(subject: CircuitGraph | Comparison, settings: DrawingSettings) -> Picture:
    """The layered drawing. ValueError where the settings leave nothing, or more than fits."""
    drawn = composed(subject, settings)  # once at the start, so that settings are refused where they are given

    def as_bytes(kind: PictureFormat, dpi: int) -> bytes:
        return drawing_bytes(subject, kind, settings, dpi=dpi, about=(MARK, about_text(subject)))

    return Picture(title_of(subject), drawn.draw, as_bytes)


def html_of(subject: CircuitGraph | Comparison) -> str:
    """A circuit or a comparison as HTML: what it is, a small drawing, and its strongest heads or what is shared."""
    parts = _of_comparison(subject) if isinstance(subject, Comparison) else _of_circuit(subject)
    return html_block(title_of(subject), _small_drawing(subject), *parts)


def title_of(subject: CircuitGraph | Comparison) -> str:
    """What a circuit or a comparison is, in a line."""
    if isinstance(subject, Comparison):
        return f"{subject.labels[0]} and {subject.labels[1]}"
    return f"{subject.label}: {subject.description}"


def _small_drawing(subject: CircuitGraph | Comparison) -> str:
    try:
        picture = picture_of(subject, replace(DrawingSettings(), size=_SMALL))
    except ValueError as error:
        return html_note(f"no drawing at this size: {error}")
    return html_image(picture.to_bytes("svg"), picture.text)


def _of_circuit(graph: CircuitGraph) -> Iterator[str]:
    origin = graph.provenance
    if origin is not None:
        prompts = None if graph.prompts is None else graph.prompts.in_words()
        yield html_facts(
            {
                "model": origin.model,
                "method": graph.method,
                "metric": origin.metric,
                "ablation": origin.ablation,
                "prompts": prompts,
            }
        )
    heads = [node for node in graph.nodes if graph.wiring.is_head(node.component) and node.score is not None]
    heads.sort(key=lambda node: -abs(node.score or 0.0))
    rows = [(node.name, node.score, node.low, node.high, node.role) for node in heads[:_MOST_HEADS]]
    if rows:
        yield html_table(("head", "score", "low", "high", "role"), rows)


def _of_comparison(comparison: Comparison) -> Iterator[str]:
    a, b = comparison.labels
    rows = [
        (level, overlap.n_shared, overlap.n_a, overlap.n_b, overlap.iou, overlap.expected_iou, _p(overlap))
        for level, overlap in comparison.reuse.levels.items()
    ]
    headings = ("", "shared", f"in {a}", f"in {b}", "intersection over union", "by chance", "p")
    yield html_table(headings, rows)


def _p(overlap: Overlap) -> float | str | None:
    """As figures say it: a number that says nothing is none."""
    return overlap.p_value if overlap.p_value is None or overlap.can_tell else "too few to tell"
