r"""LaTeX: `appendix.tex` for a paper to \input, and `report.tex`, which makes a document of it alone.

Needs booktabs, graphicx and siunitx 3 (2021). Compiled by pdflatex, bibtex, and pdflatex twice.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from graphs.export.latex_text import NumberStyle, escape
from pipelines.reporting.document.pieces import Bullets, Document, Figure, Listing, Piece, Section, Text, parts_of
from pipelines.reporting.document.registry import BIBLIOGRAPHY, DOCUMENT_FORMATS, FIGURES, DocumentFormat
from pipelines.reporting.paper.latex import write as table

MAIN, APPENDIX = "report.tex", "appendix.tex"
_LEVELS = ("section", "subsection", "subsubsection", "paragraph")
# Figures have the size that they are printed in: only what is larger than the page is made smaller.
_FITTED = r"""\providecommand{\fitted}[1]{%
  \sbox0{\includegraphics{#1}}%
  \ifdim\wd0>\linewidth\includegraphics[width=\linewidth,height=.85\textheight,keepaspectratio]{#1}%
  \else\ifdim\ht0>.85\textheight\includegraphics[height=.85\textheight]{#1}\else\usebox0\fi\fi}
"""
_ALONE = r"""\documentclass[11pt,a4paper]{article}
\usepackage[margin=2.4cm]{geometry}
\usepackage[utf8]{inputenc}
\usepackage[T1]{fontenc}
\usepackage{booktabs,graphicx,siunitx}
\usepackage[hidelinks]{hyperref}
\ifdefined\pdftrailerid\pdftrailerid{circuit-workbench}\fi
\extrafloats{200}
\title{TITLE}
\author{}
\date{}
\begin{document}
\maketitle
\input{appendix}
\bibliographystyle{plain}
\bibliography{references}
\end{document}
"""


def write(document: Document, style: NumberStyle) -> Mapping[str, bytes]:
    """Both files, a PDF file per figure, and the references as BibTeX."""
    text = "\n".join([_FITTED, *_sections(document.sections, style, 0), ""])
    alone = _ALONE.replace("TITLE", escape(document.title))
    if not document.references:
        alone = "".join(line for line in alone.splitlines(keepends=True) if not line.startswith(r"\bibliography"))
    figures = {f"{FIGURES}/{figure.stem}.pdf": figure.draw("pdf") for figure in document.figures}
    return {MAIN: alone.encode(), APPENDIX: text.encode(), **figures, BIBLIOGRAPHY: document.bibtex.encode()}


def _sections(sections: Sequence[Section], style: NumberStyle, level: int) -> Iterator[str]:
    for section in sections:
        yield rf"\{_LEVELS[level]}{{{escape(section.title)}}}"
        for piece in section.pieces:
            yield from _piece(piece, style)
            yield ""
        yield from _sections(section.sections, style, level + 1)


def _piece(piece: Piece, style: NumberStyle) -> Iterator[str]:
    match piece:
        case Text(text):
            yield _text(text)
        case Bullets(texts):
            yield r"\begin{itemize}"
            yield from (rf"  \item {_text(text)}" for text in texts)
            yield r"\end{itemize}"
        case Listing(text, _):
            yield r"\begin{flushleft}\footnotesize\ttfamily"
            yield from map(_typed, text.rstrip().splitlines())
            yield r"\end{flushleft}"
        case Figure(_, caption, _):
            yield r"\begin{figure}"
            yield rf"  \centering\fitted{{{FIGURES}/{piece.stem}}}"
            yield rf"  \caption{{{_text(caption)}}}"
            yield r"\end{figure}"
        case _:
            yield table(piece, style, None).rstrip("\n")


def _typed(line: str) -> str:
    """A line as it is typed, its indentation kept."""
    plain = line.lstrip()
    return f"{'~' * (len(line) - len(plain))}{escape(plain)}" + r"\\"


def _text(text: str) -> str:
    written = {
        "plain": escape,
        "code": lambda code: rf"\texttt{{{escape(code)}}}",
        "citation": lambda key: rf"\cite{{{key}}}",
    }
    return "".join(written[kind](part) for kind, part in parts_of(text))


LATEX = DOCUMENT_FORMATS.register(
    DocumentFormat("latex", r"LaTeX for a paper to \input, with its figures and BibTeX beside it", MAIN, write)
)
