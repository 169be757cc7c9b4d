"""`circuits draw`: any kind of figure, from what is stored."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import cast, get_args

from circuits.files import portable
from circuits.lookup import lookup
from circuits.visible_text import value_text
from graphs.export.about import MARK
from graphs.figures.canvas import DrawingFormat, figure_bytes
from graphs.figures.page import DPI
from graphs.figures.sizes import Size, size_from
from pipelines.draw.kinds import FIGURES
from pipelines.runs.run import Run, store_folder
from pipelines.runs.shell_text import shell_line

FORMATS: tuple[str, ...] = get_args(DrawingFormat)
_MOST_DPI = 10_000


def draw(
    kind: str,
    *subjects: Run | str | Path,
    to: str = "pdf",
    size: Size | str | None = None,
    dpi: int = DPI,
    out: str | Path = "runs",
) -> bytes:
    """A figure of what is stored, as the content of a file. No model runs; the same results give the same bytes.

    kind      one of `circuits figures`, which says what each is drawn from
    subjects  runs, comparisons, evaluations or studies: folders, or names within the store `out`
    to        pdf, svg, png or eps
    size      `column`, `page`, `slide`, or WIDTHxHEIGHT in inches; by default what the figure takes
    dpi       dots an inch of a PNG

    Raises a ValueError for an unknown kind, subjects that it cannot show, and a size that it cannot be read at.

    >>> from pipelines import discover, draw
    >>> runs = [discover(task, prompts=8, edges=40) for task in ("ioi", "colored-objects")]
    >>> draw("shared-heads", *runs, to="svg", size="column")[:5]
    b'<?xml'
    """
    if to not in FORMATS:
        raise ValueError(f"a figure cannot be written as {to!r}: give pdf, svg, png or eps.")
    if type(dpi) is not int or not 1 <= dpi <= _MOST_DPI:
        raise ValueError(f"dpi is {value_text(dpi)}: give a whole number of dots an inch, 1 to {_MOST_DPI:,}.")
    if size is not None and not isinstance(size, str | Size):
        raise ValueError(f"size is {value_text(size)}: give column, page, slide, or WIDTHxHEIGHT in inches.")
    given = [str(subject.folder if isinstance(subject, Run) else subject) for subject in subjects]
    asked = size_from(size) if isinstance(size, str) else size
    drawing = lookup(FIGURES, kind, "kind of figure").drawing(given, store_folder(out))

    return figure_bytes(
        partial(drawing, asked), cast("DrawingFormat", to), dpi=dpi, about=(MARK, _about(kind, given, asked))
    )


def _about(kind: str, subjects: list[str], size: Size | None) -> str:
    """What the file says of itself, as one line of JSON in ASCII."""
    options = [] if size is None else ["--size", f"{size.width:g}x{size.height:g}", "--font", f"{size.font:g}"]
    told = [portable(subject) if Path(subject).exists() else subject for subject in subjects]
    command = shell_line(["circuits", "draw", kind, *told, *options])
    return json.dumps({"figure": kind, "of": [Path(subject).name for subject in subjects], "command": command})
