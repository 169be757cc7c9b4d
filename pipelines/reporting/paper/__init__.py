"""Tables for papers: the columns that a paper shows, in LaTeX, Markdown, HTML or CSV. One format per file."""

from pipelines.reporting.paper.csv import CSV
from pipelines.reporting.paper.html import HTML
from pipelines.reporting.paper.latex import LATEX
from pipelines.reporting.paper.markdown import MARKDOWN
from pipelines.reporting.paper.registry import TABLE_FORMATS, TableFormat, number_style, table_format
from pipelines.reporting.paper.table import PaperTable

__all__ = [
    "CSV",
    "HTML",
    "LATEX",
    "MARKDOWN",
    "TABLE_FORMATS",
    "PaperTable",
    "TableFormat",
    "number_style",
    "table_format",
]
