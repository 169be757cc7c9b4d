"""JSON: a circuit or a comparison with everything known about it. Read back, it is the same."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import ClassVar

from circuits.scores import Scores
from circuits.strict_json import parse_strictly
from graphs.circuit_graph import CircuitGraph
from graphs.comparison.comparison import Comparison
from graphs.export.about import MARK, about_text
from graphs.export.base import ReadableExport
from graphs.export.document import (
    COMPARISON_FORMAT,
    circuit_document,
    circuit_from_document,
    comparison_document,
    comparison_from_document,
    plain_number,
)


class JsonExport(ReadableExport):
    """Strict JSON (no NaN), versioned, in a fixed order."""

    name: ClassVar[str] = "json"
    summary: ClassVar[str] = "everything known of it; read back, it is the same"
    extension: ClassVar[str] = "json"

    def to_bytes(
        self, subject: CircuitGraph | Comparison, *, scores: Sequence[Scores] = (), command: str | None = None
    ) -> bytes:
        document = comparison_document(subject) if isinstance(subject, Comparison) else circuit_document(subject)
        if command is not None:
            document["about"] = f"{MARK}: {about_text(subject, command)}"
        text = json.dumps(document, indent=1, allow_nan=False, ensure_ascii=False, default=plain_number)
        return f"{text}\n".encode()

    def from_bytes(self, data: bytes, *, source: str = "data") -> CircuitGraph | Comparison:
        try:
            document = parse_strictly(data)
        except ValueError as error:
            raise ValueError(f"{source}: {error}. Export it again.") from None
        if isinstance(document, Mapping) and document.get("format") == COMPARISON_FORMAT:
            return comparison_from_document(document, source=source)
        return circuit_from_document(document, source=source)
