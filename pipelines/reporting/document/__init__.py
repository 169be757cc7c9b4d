"""Documents: sections of text, tables and figures, in Markdown, HTML, LaTeX or PDF. One format per file."""

from pipelines.reporting.document.html import HTML
from pipelines.reporting.document.latex import LATEX
from pipelines.reporting.document.markdown import MARKDOWN
from pipelines.reporting.document.pdf import PDF
from pipelines.reporting.document.pieces import Bullets, Document, Figure, Listing, Piece, Section, Text
from pipelines.reporting.document.registry import DOCUMENT_FORMATS, DocumentFormat, document_format

__all__ = [
    "DOCUMENT_FORMATS",
    "HTML",
    "LATEX",
    "MARKDOWN",
    "PDF",
    "Bullets",
    "Document",
    "DocumentFormat",
    "Figure",
    "Listing",
    "Piece",
    "Section",
    "Text",
    "document_format",
]
