"""What holds of every table for papers, in each of its formats; and tables set by pdflatex."""

from __future__ import annotations

import csv
import io
import re
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from circuits.quantities import QUANTITIES
from pipelines.command import Command, run_command
from pipelines.reporting.paper import CSV, LATEX, MARKDOWN, PaperTable
from pipelines.reporting.paper.layout import lay_out
from pipelines.reporting.paper.page import PAGE_PT, column_width, parts_of, text_limit
from pipelines.runs.settings_file import settings_from

# 16 cm wide, as in the brief of most journals of one column.
PAGE = r"""\documentclass[10pt]{article}\usepackage[a4paper,textwidth=16cm,textheight=24cm]{geometry}
\usepackage{booktabs,siunitx}
\begin{document}
"""


def check_papers(tables: Mapping[str, PaperTable], offered: Sequence[str]) -> None:
    """Every table is offered, and holds together in every format and style."""
    assert set(tables) <= set(offered)
    for table in tables.values():
        check_table(table)


def check_table(table: PaperTable) -> None:
    check_latex(LATEX.write(table, "brackets", "circuits compare a --to latex"))
    check_latex(LATEX.write(table, "uncertainty", None))
    layout = lay_out(table)
    text = text_limit(layout)
    for part in parts_of(layout, text):
        width = sum(column_width(layout, column, text) for column in part)
        assert len(part) <= layout.n_labels + 1 or width <= PAGE_PT
    lines = [line for line in MARKDOWN.write(table, "brackets", None).splitlines() if line.startswith("|")]
    assert len(lines) == len(layout.lines) + 2
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in lines} == {len(layout.columns) + 1}
    head, *rows = csv.reader(io.StringIO(CSV.write(table, "brackets", None)))
    assert len(rows) == len(table.rows)
    assert len(head) == len(set(head))
    for column in table.columns:
        assert column.name in head
        assert column.quantity is None or QUANTITIES[column.name] is column.quantity


def check_latex(text: str) -> None:
    """Braces and environments close in order, and every row has a cell for every column."""
    body = re.sub(r"(?<!\\)%.*", "", text)
    assert body.isascii()
    assert len(re.findall(r"(?<!\\)\{", body)) == len(re.findall(r"(?<!\\)\}", body))
    opened = []
    for kind, name in re.findall(r"\\(begin|end)\{(\w+)\}", body):
        if kind == "begin":
            opened.append(name)
        else:
            assert opened.pop() == name
    assert not opened
    for columns, rows in re.findall(r"\\begin\{tabular\}\{([^\n]*)\}\n(.*?)\\end\{tabular\}", body, flags=re.DOTALL):
        for row in rows.split(" \\\\\n")[:-1]:
            spanned = len(re.findall(r"\\multicolumn\{2\}", row))
            assert len(re.findall(r"(?<!\\)&", row)) + 1 + spanned == n_columns(columns), row


def n_columns(specification: str) -> int:
    """How many columns a tabular has: letters outside of braces and brackets."""
    depth, letters = 0, 0
    for character in specification:
        depth += (character in "{[") - (character in "}]")
        letters += depth == 0 and character in "lSp"
    return letters


def set_by_pdflatex(tables: Iterable[PaperTable], folder: Path) -> str:
    """The log of pdflatex, which has to succeed."""
    texts = (LATEX.write(table, style, "a % {b") for table in tables for style in ("brackets", "uncertainty"))
    page = PAGE + "\n".join(f"{text}\\clearpage" for text in texts) + "\n\\end{document}\n"
    (folder / "page.tex").write_text(page)
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "page.tex"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:]
    return (folder / "page.log").read_text(errors="replace")


def require_fitting(log: str) -> None:
    """Nothing is wider or longer than the page, and no letter is missing."""
    assert not re.findall(r"Overfull.*|.*Float too large.*|Missing character.*", log)


def papers_of(command: Command[Any, Any, Any], **settings: Any) -> dict[str, PaperTable]:
    """The tables of a command, each of which holds together."""
    report = run_command(command, *settings_from(settings, command.settings))
    assert command.papers is not None
    tables = dict(command.papers(report))
    check_papers(tables, command.settings.paper_tables)
    return tables
