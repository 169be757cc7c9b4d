"""DOCUMENT_FORMATS: the formats of documents, by name; other packages can add some (`circuits.registry`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from circuits.lookup import lookup
from circuits.registry import Registry, instance_of
from graphs.export.latex_text import NumberStyle
from pipelines.reporting.document.pieces import Document


@dataclass(frozen=True)
class DocumentFormat:
    """A format.

    name     as after --to
    summary  one line
    main     the file to open
    check    raises a ValueError where this machine cannot write it
    write    (document, style of numbers) -> file name -> content, `main` among them
    """

    name: str
    summary: str
    main: str
    write: Callable[[Document, NumberStyle], Mapping[str, bytes]]
    check: Callable[[], object] = lambda: None


DOCUMENT_FORMATS: Registry[DocumentFormat] = Registry("document_formats", instance_of(DocumentFormat))
BIBLIOGRAPHY, FIGURES = "references.bib", "figures"
"""The file of references, and the folder of figures, of formats of several files."""


def document_format(name: str) -> DocumentFormat:
    """The format called `name`. ValueError naming the known ones, and the nearest."""
    return lookup(DOCUMENT_FORMATS, name, "document format")
