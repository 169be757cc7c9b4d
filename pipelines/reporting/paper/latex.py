r"""LaTeX: a table with booktabs' rules and siunitx' columns.

Numbers stand in columns `S`, aligned at the point, and intervals behind them in a column of their own: a document's own
settings of siunitx hold, but for the zero before the point and bold, which the table sets. Needs siunitx 3 (2021).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from graphs.export.about import tex_comment
from graphs.export.latex_text import NumberStyle, escape
from pipelines.reporting.p_values import AT_MOST
from pipelines.reporting.paper.layout import Cell, Layout, lay_out, title_of
from pipelines.reporting.paper.page import blocks_of, heading_lines, parts_of, text_limit, text_width
from pipelines.reporting.paper.registry import TABLE_FORMATS, TableFormat
from pipelines.reporting.paper.table import PaperTable

_NEEDS = r"\usepackage{booktabs,siunitx}"
_SETUP = r"\sisetup{print-zero-integer=false, group-digits=integer, reset-text-series=false, text-series-to-math=true}"
_NUMBER = re.compile(r"(-?)(\d*)(?:\.(\d*))?(?:\((\d+)\))?(?:e([-+]\d+))?")


def write(table: PaperTable, style: NumberStyle, command: str | None) -> str:
    """A floating table with its caption above and its notes below; the command in a comment.

    What is too wide for a page stands in parts one below the other, what is too long in several tables.
    """
    return "\n".join([*_lines(lay_out(table, style), command), ""])


def _lines(layout: Layout, command: str | None) -> Iterator[str]:
    if command is not None:
        yield f"% {' '.join(command.split())}"
    yield f"% {_NEEDS}"
    text = text_limit(layout)
    parts = parts_of(layout, text)
    blocks = blocks_of(layout, text, len(parts))
    for number, block in enumerate(blocks, start=1):
        further = "" if number == 1 else f" ({number} of {len(blocks)})"
        yield r"\begin{table}"
        yield r"  \centering\small\setlength{\tabcolsep}{4pt}"
        yield f"  {_SETUP}"
        yield rf"  \caption{{{escape(layout.title)}{further}.}}"
        yield r"  \smallskip"
        for place, part in enumerate(parts):
            if place:
                yield ""
                yield r"  \medskip"
            yield from _tabular(layout, part, block, text)
        if number == len(blocks):
            yield from _notes(layout)
        yield r"\end{table}"


def _tabular(layout: Layout, part: Sequence[int], block: slice, text: float) -> Iterator[str]:
    """Some columns of some lines; `text` is the limit of columns of words."""
    columns = [layout.cells(place) for place in part]
    yield rf"  \begin{{tabular}}{{{' '.join(_specification(cells, text) for cells in columns)}}}"
    yield r"    \toprule"
    yield _row(_heading(title_of(layout.columns[place]), cells) for place, cells in zip(part, columns, strict=True))
    yield r"    \midrule"
    for line in layout.lines[block]:
        yield _row(_cell(line[place], cells) for place, cells in zip(part, columns, strict=True))
    yield r"    \bottomrule"
    yield r"  \end{tabular}"


def _notes(layout: Layout) -> Iterator[str]:
    if not layout.notes:
        return
    yield ""
    yield r"  \medskip"
    yield r"  \begin{minipage}{\linewidth}\footnotesize\raggedright"
    unmarked = [_sentence(text) for mark, text in layout.notes if not mark]
    marked = [rf"{_raised(mark)}{_sentence(text)}" for mark, text in layout.notes if mark]
    yield from (f"    {' '.join(part)}" + r"\par" for part in (unmarked, marked) if part)
    yield r"  \end{minipage}"


def _row(cells: Iterable[str]) -> str:
    return rf"    {' & '.join(cells)} \\"


def _has_ends(cells: Sequence[Cell]) -> bool:
    return any(cell.ends for cell in cells)


def _is_of_numbers(cells: Sequence[Cell]) -> bool:
    return any(cell.is_number for cell in cells)


def _specification(cells: Sequence[Cell], text: float) -> str:
    """The columns of a tabular for one column of the table."""
    if not _is_of_numbers(cells):
        limit = text_width(cells, text)
        return "l" if limit is None else rf">{{\raggedright\arraybackslash}}p{{{limit:g}pt}}"
    if _has_ends(cells):
        return rf"S[table-format={_format(cells)}]@{{\,}}l"
    widest = max((cell.mark for cell in cells), key=len)
    room = rf", table-space-text-post={{\textsuperscript{{{widest}}}}}" if widest else ""
    # The table leaves out the zero before the point, and so all of a 0 without one.
    whole = "" if any("." in cell.text for cell in cells) else ", print-zero-integer=true"
    return f"S[table-format={_format(cells)}{whole}{room}]"


def _format(cells: Sequence[Cell]) -> str:
    """What siunitx keeps room for: a bound, a sign, digits before and behind the point, uncertainty, exponent."""
    parts = [match.groups("") for cell in cells if cell.is_number and (match := _NUMBER.fullmatch(cell.text))]
    before, behind, unsure = (max(len(part[n]) for part in parts) for n in (1, 2, 3))
    exponents = [part[4] for part in parts if part[4]]
    return "".join(
        [
            r"\le" if any(cell.is_bound for cell in cells) else "",
            "-" if any(part[0] for part in parts) else "",
            str(before),
            f".{behind}" if behind else "",
            f"({unsure})" if unsure else "",
            f"e-{max(len(one) - 1 for one in exponents)}" if exponents else "",
        ]
    )


def _heading(title: str, cells: Sequence[Cell]) -> str:
    """A heading, in lines of a few letters."""
    lines = [re.sub(r"\bp\b", "$p$", escape(line)) for line in heading_lines(title, cells)]
    text = r"\shortstack{" + r"\\".join(lines) + "}" if len(lines) > 1 else lines[0]
    if not _is_of_numbers(cells):
        return text
    return rf"\multicolumn{{2}}{{c}}{{{text}}}" if _has_ends(cells) else f"{{{text}}}"


def _cell(cell: Cell, cells: Sequence[Cell]) -> str:
    """A cell among those of its column."""
    has_ends, is_of_numbers = _has_ends(cells), _is_of_numbers(cells)
    mark = rf"\textsuperscript{{{cell.mark}}}" if cell.mark else ""
    if not cell.is_number:
        text = _breakable(escape(cell.text)) if cell.text else "--"
        return (f"{{{text}{mark}}}" if is_of_numbers else f"{text}{mark}") + (" &" if has_ends else "")
    bold, bound = r"\bfseries " if cell.is_best else "", r"\le " if cell.is_bound else ""
    shown = f"{bold}{bound}{cell.text}"
    if not has_ends:
        return f"{shown} {{{mark}}}" if mark else shown
    ends = re.sub(r"[-.\d]+(e[-+]\d+)?", lambda match: rf"\num{{{match.group()}}}", cell.ends)
    return f"{shown} & {bold}{ends}{mark}"


def _breakable(text: str) -> str:
    """Names are broken behind an underscore or a slash."""
    return re.sub(r"(\\_|(?<=\w)/)(?=[A-Za-z_])", r"\1\\allowbreak{}", text)


def _raised(mark: str) -> str:
    return rf"\textsuperscript{{{mark}}}" if mark else ""


def _sentence(text: str) -> str:
    return r"$\le$".join(map(escape, text.split(AT_MOST)))


LATEX = TABLE_FORMATS.register(TableFormat("latex", "a table with booktabs and siunitx", write, tex_comment))
