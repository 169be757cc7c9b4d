"""What all figures for papers share: text sizes, margins, fonts, and files without dates.

The same figure gives the same bytes: fixed ids, fonts embedded as TrueType (PDF) or left as text (SVG).
"""

from __future__ import annotations

import io
import logging
import re
import warnings
from collections.abc import Hashable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.text import Text

DrawingFormat = Literal["pdf", "svg", "png", "eps"]

INK, FAINT, PAPER = "#1a1a1a", "#8a8a8a", "#ffffff"
MARGIN, LINE = 0.18, 0.155  # inches: around a figure, and per line of text
SMALL, NORMAL, LARGE = 6.5, 7.5, 9.5  # points
CHARACTER = 0.058  # width of a character of NORMAL size in inches, on the safe side

_SETTINGS: Mapping[str, Any] = {
    "pdf.fonttype": 42,
    "ps.fonttype": 42,
    "svg.fonttype": "none",
    "svg.hashsalt": "circuit-workbench",
    "font.family": "DejaVu Sans",
    "path.simplify": False,
    "savefig.bbox": "standard",
    "savefig.transparent": False,
}
_METADATA: Mapping[str, dict[str, Any]] = {"pdf": {"CreationDate": None}, "svg": {"Date": None}}
CONTINUED = "\n%~"
_LONGEST = 240
# What XML cannot hold, not even as a reference: matplotlib writes such characters of a name as they are.
_NO_XML = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f]|\xef\xbf[\xbe\xbf]")
_MISSING = re.compile(r"Glyph (\d+) .*missing from")
_LOG = logging.getLogger(__name__)
_PLACE_OF_ABOUT: Mapping[str, str] = {"pdf": "Keywords", "svg": "Keywords"}


_SAID: ContextVar[tuple[str, str] | None] = ContextVar("_SAID", default=None)
_DRAWN: ContextVar[dict[Hashable, tuple[partial[Figure], Figure]] | None] = ContextVar("_DRAWN", default=None)


@contextmanager
def saying(word: str, text: str) -> Iterator[None]:
    """Every figure that is made within says this of itself: a word and a text in ASCII, in its metadata."""
    token = _SAID.set((word, text))
    try:
        yield
    finally:
        _SAID.reset(token)


@contextmanager
def each_drawn_once() -> Iterator[None]:
    """Within, a figure that is asked for in several formats is drawn once and saved in each.

    It is the same figure where the same function draws the same objects, which must not change meanwhile.
    """
    token = _DRAWN.set({})
    try:
        yield
    finally:
        _DRAWN.reset(token)


def _drawn(draw: partial[Figure]) -> Figure:
    if (drawn := _DRAWN.get()) is None:
        return draw()
    key = (draw.func, *map(id, draw.args), *((name, id(value)) for name, value in draw.keywords.items()))
    if key not in drawn:
        drawn[key] = (draw, draw())  # what it draws stays alive, and its id with it
    return drawn[key][1]


def figure_bytes(
    draw: partial[Figure], kind: DrawingFormat, *, dpi: int, about: tuple[str, str] | None = None
) -> bytes:
    """A figure as a PDF, SVG or PNG file. `dpi` is that of a PNG, and of images in the others.

    draw   the function that makes it, with what it draws
    about  a word and a text in ASCII that the file says of itself, in its metadata; what all figures say within
           `saying` comes before it
    """
    from matplotlib import rc_context

    about = _SAID.get() or about

    with rc_context(dict(_SETTINGS)), _missing_characters_in_one_warning():  # pyright: ignore[reportArgumentType]
        stream = io.BytesIO()
        figure = _drawn(draw)
        _without_marks_of_bytes(figure)
        figure.savefig(stream, format=kind, dpi=dpi, metadata=_METADATA.get(kind, {}) | _said(kind, about))
    data = stream.getvalue()
    match kind:
        case "eps":
            return _with_comment(data, about)
        case "svg":
            return _NO_XML.sub(b"?", data)
        case _:
            return data


def _without_marks_of_bytes(figure: Figure) -> None:
    """Take the mark of the order of bytes out of all texts, as names copied from files have it: it has no shape, and
    matplotlib's PDF and PostScript end at it."""
    for text in texts_of(figure):
        if "\ufeff" in text.get_text():
            text.set_text(text.get_text().replace("\ufeff", ""))


def texts_of(figure: Figure) -> list[Text]:
    """All that is written on a figure. The axes of figures for papers have no ticks and no titles: to look through all
    artists (`findobj`) would make them first, which takes longer than the rest."""
    return [*figure.texts, *(text for axes in figure.axes for text in axes.texts)]


@contextmanager
def _missing_characters_in_one_warning() -> Iterator[None]:
    """Of the characters that the font lacks, matplotlib warns one by one, some twice: here, once of all of them."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
    missing = set[int]()
    for one in caught:
        if match := _MISSING.match(str(one.message)):
            missing.add(int(match[1]))
        else:
            warnings.warn_explicit(one.message, one.category, one.filename, one.lineno)
    if missing:
        names = ", ".join(f"U+{number:04X}" for number in sorted(missing))
        _LOG.warning("the font of figures lacks %s: a box stands there, or in an SVG what its viewer has.", names)


def _said(kind: DrawingFormat, about: tuple[str, str] | None) -> dict[str, str]:
    if about is None or kind == "eps":
        return {}
    word, text = about
    place = _PLACE_OF_ABOUT.get(kind)
    return {word: text} if place is None else {place: f"{word}: {text}"}


def _with_comment(postscript: bytes, about: tuple[str, str] | None) -> bytes:
    """PostScript without its date, and with what it says of itself after its first line.

    Its lines may have 255 characters: a longer text goes on after `CONTINUED` (`one_line` takes that out again).
    """
    first, *lines = postscript.split(b"\n")
    text = "" if about is None else f"{about[0]}: {about[1]}"
    parts = [text[start : start + _LONGEST] for start in range(0, len(text), _LONGEST)]
    said = [] if about is None else [f"%{CONTINUED.join(parts)}".encode()]
    return b"\n".join([first, *said, *(line for line in lines if not line.startswith(b"%%CreationDate"))])


def one_line(postscript: str) -> str:
    """PostScript with every comment that `figure_bytes` has broken over lines in one."""
    return postscript.replace(CONTINUED, "")


def draw_text(
    axes: Axes,
    x: float,
    y: float,
    text: str,
    *,
    size: float,
    color: str = INK,
    weight: str = "normal",
    ha: str = "left",
    va: str = "baseline",
    zorder: float = 5,
) -> None:
    # task names and paths may hold a dollar sign, which is not meant as mathematics
    axes.text(x, y, text, fontsize=size, color=color, weight=weight, ha=ha, va=va, zorder=zorder, parse_math=False)
