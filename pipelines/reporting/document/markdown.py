"""Markdown: a file with its figures and references beside it, as GitHub reads it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from graphs.export.latex_text import NumberStyle
from graphs.export.markdown_text import escape
from pipelines.reporting.document.pieces import Bullets, Document, Figure, Listing, Piece, Section, Text, parts_of
from pipelines.reporting.document.registry import BIBLIOGRAPHY, DOCUMENT_FORMATS, FIGURES, DocumentFormat
from pipelines.reporting.paper.markdown import write as table

MAIN = "report.md"


def write(document: Document, style: NumberStyle) -> Mapping[str, bytes]:
    """The document, an SVG file per figure, and the references as BibTeX."""
    text = "\n".join(_lines(document, style)) + "\n"
    figures = {f"{FIGURES}/{figure.stem}.svg": figure.draw("svg") for figure in document.figures}
    return {MAIN: text.encode(), **figures, BIBLIOGRAPHY: document.bibtex.encode()}


def _lines(document: Document, style: NumberStyle) -> Iterator[str]:
    yield f"# {escape(document.title)}"
    yield from _sections(document, document.sections, style, "##")
    if document.references:
        yield from ("", "## References", "")
        yield from (f"- {escape(citation.full)}" for citation in document.references)


def _sections(document: Document, sections: Sequence[Section], style: NumberStyle, marks: str) -> Iterator[str]:
    for section in sections:
        yield from ("", f"{marks} {escape(section.title)}")
        for piece in section.pieces:
            yield ""
            yield from _piece(document, piece, style)
        yield from _sections(document, section.sections, style, f"#{marks}")


def _piece(document: Document, piece: Piece, style: NumberStyle) -> Iterator[str]:
    match piece:
        case Text(text):
            yield _text(document, text)
        case Bullets(texts):
            yield from (f"- {_text(document, text)}" for text in texts)
        case Listing(text, language):
            yield from (f"```{language}", text.rstrip("\n"), "```")
        case Figure(name, caption, _):
            shown = _text(document, caption)
            yield from (f"![{escape(name)}]({FIGURES}/{piece.stem}.svg)", "", shown)
        case _:
            yield table(piece, style, None).rstrip("\n")


def _text(document: Document, text: str) -> str:
    written = {
        "plain": escape,
        "code": lambda code: f"`{code}`",
        "citation": lambda key: f"({escape(document.reference(key).short)})",
    }
    return "".join(written[kind](part) for kind, part in parts_of(text))


MARKDOWN = DOCUMENT_FORMATS.register(
    DocumentFormat("markdown", "Markdown with its figures beside it, as GitHub reads it", MAIN, write)
)
