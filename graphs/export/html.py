"""HTML: one page to explore a circuit in the browser, without a network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from circuits.scores import EdgeScores, Scores
from graphs.circuit_graph import CircuitGraph
from graphs.comparison.comparison import Comparison
from graphs.export.base import Export
from graphs.export.page.extras import CircuitExtras, PageExtras
from graphs.export.page.file import page_bytes


class HtmlExport(Export):
    """The circuit by layer, with filters, what is known of every node and edge, and where it came from."""

    name: ClassVar[str] = "html"
    summary: ClassVar[str] = "a page to explore in the browser: filters, scores, prompts"
    extension: ClassVar[str] = "html"
    also: ClassVar[tuple[str, ...]] = ("htm",)

    def to_bytes(
        self, subject: CircuitGraph | Comparison, *, scores: Sequence[Scores] = (), command: str | None = None
    ) -> bytes:
        """The page with what the circuit and its scores say; `page_bytes` takes what else a run knows."""
        of_edges = next((one for one in scores if isinstance(one, EdgeScores)), None)
        circuits = [CircuitExtras(scores=of_edges)] if isinstance(subject, CircuitGraph) else []
        return page_bytes(subject, PageExtras(circuits=circuits, command=command))
