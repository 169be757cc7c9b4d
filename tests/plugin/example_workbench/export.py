"""An export: the names of a circuit's edges, one per line."""

from __future__ import annotations

from collections.abc import Sequence

from circuits.scores import Scores
from graphs import CircuitGraph, Comparison
from graphs.export.base import Export


class NamesExport(Export):
    """Edge names, one per line."""

    name = "names"
    summary = "names of edges, one per line"
    extension = "names"

    def to_bytes(
        self, subject: CircuitGraph | Comparison, *, scores: Sequence[Scores] = (), command: str | None = None
    ) -> bytes:
        """The whole file. ValueError for a comparison."""
        if isinstance(subject, Comparison):
            raise ValueError("names are those of one circuit: give a run, not a comparison.")
        return "".join(f"{edge.name}\n" for edge in subject.edges).encode()


NAMES = NamesExport()
