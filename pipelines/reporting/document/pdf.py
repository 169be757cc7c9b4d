"""PDF: the LaTeX document, compiled on this machine."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from graphs.export.latex_text import NumberStyle
from pipelines.reporting.document import latex
from pipelines.reporting.document.pieces import Document
from pipelines.reporting.document.registry import BIBLIOGRAPHY, DOCUMENT_FORMATS, DocumentFormat

MAIN = "report.pdf"
_PROGRAMS = ("pdflatex", "bibtex")
_STEM = Path(latex.MAIN).stem
_LONGEST = 300  # seconds for one run of a program
_SHOWN = 12  # last lines of a log


def check() -> None:
    """ValueError where LaTeX is not installed."""
    if absent := [program for program in _PROGRAMS if shutil.which(program) is None]:
        raise ValueError(
            f"a PDF is made by LaTeX, and {' and '.join(absent)} is not on this machine. Install TeX Live (Debian: "
            "texlive-latex-extra and texlive-science), or write --to latex and compile it elsewhere."
        )


def write(document: Document, style: NumberStyle) -> Mapping[str, bytes]:
    """The compiled document, and the references as BibTeX. The same document gives the same bytes."""
    check()
    files = latex.write(document, style)
    with tempfile.TemporaryDirectory() as folder:
        for name, data in files.items():
            path = Path(folder, name)
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(data)
        cites = [["bibtex", _STEM]] if document.references else []
        pdflatex = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", latex.MAIN]
        for command in (pdflatex, *cites, pdflatex, pdflatex):
            _run(command, folder)
        compiled = Path(folder, MAIN).read_bytes()
    return {MAIN: compiled, BIBLIOGRAPHY: files[BIBLIOGRAPHY]}


def _run(command: list[str], folder: str) -> None:
    """Run a program of LaTeX, at no date. ValueError with the end of what it said where it fails."""
    dated = os.environ | {"SOURCE_DATE_EPOCH": "0", "FORCE_SOURCE_DATE": "1"}
    done = subprocess.run(command, cwd=folder, env=dated, capture_output=True, timeout=_LONGEST, check=False)
    if done.returncode:
        said = done.stdout.decode(errors="replace").splitlines()[-_SHOWN:]
        raise ValueError(
            f"{command[0]} failed on the document. Write --to latex and compile it yourself to see more. It said:\n"
            + "\n".join(said)
        )


PDF = DOCUMENT_FORMATS.register(DocumentFormat("pdf", "LaTeX compiled on this machine", MAIN, write, check))
