"""HTML: one file that needs nothing else."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping, Sequence
from html import escape

from graphs.export.latex_text import NumberStyle
from pipelines.reporting.document.pieces import Bullets, Document, Figure, Listing, Piece, Section, Text, parts_of
from pipelines.reporting.document.registry import DOCUMENT_FORMATS, DocumentFormat
from pipelines.reporting.page import page
from pipelines.reporting.paper.html import write as table

MAIN = "report.html"


def write(document: Document, style: NumberStyle) -> Mapping[str, bytes]:
    """The document, with its figures and references in it."""
    return {MAIN: page(document.title, _lines(document, style))}


def _lines(document: Document, style: NumberStyle) -> Iterator[str]:
    yield f"<h1>{escape(document.title)}</h1>"
    yield from _sections(document, document.sections, style, 2)
    if document.references:
        yield "<h2>References</h2>"
        entries = (f'<li id="{citation.key}">{escape(citation.full)}</li>' for citation in document.references)
        yield f"<ul>{''.join(entries)}</ul>"
        yield f"<details><summary>BibTeX</summary><pre>{escape(document.bibtex)}</pre></details>"


def _sections(document: Document, sections: Sequence[Section], style: NumberStyle, level: int) -> Iterator[str]:
    for section in sections:
        yield f"<h{level}>{escape(section.title)}</h{level}>"
        yield from (_piece(document, piece, style) for piece in section.pieces)
        yield from _sections(document, section.sections, style, level + 1)


def _piece(document: Document, piece: Piece, style: NumberStyle) -> str:
    match piece:
        case Text(text):
            return f"<p>{_text(document, text)}</p>"
        case Bullets(texts):
            return f"<ul>{''.join(f'<li>{_text(document, text)}</li>' for text in texts)}</ul>"
        case Listing(text, _):
            return f"<pre>{escape(text.rstrip())}</pre>"
        case Figure(name, caption, draw):
            # As an image a figure keeps its ids to itself: those of two figures in one page would clash.
            data = base64.b64encode(draw("svg")).decode()
            shown = f'<img alt="{escape(name)}" src="data:image/svg+xml;base64,{data}">'
            return f"<figure>{shown}<figcaption>{_text(document, caption)}</figcaption></figure>"
        case _:
            return table(piece, style, None)


def _text(document: Document, text: str) -> str:
    def cited(key: str) -> str:
        return f'(<a href="#{escape(key)}">{escape(document.reference(key).short)}</a>)'

    written = {"plain": escape, "code": lambda code: f"<code>{escape(code)}</code>", "citation": cited}
    return "".join(written[kind](part) for kind, part in parts_of(text))


HTML = DOCUMENT_FORMATS.register(DocumentFormat("html", "one HTML page that needs nothing else", MAIN, write))
