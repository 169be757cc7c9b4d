"""Figures whose fonts are read once, and a few of which are drawn: for tests of what commands write."""

from __future__ import annotations

import string
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext
from functools import cache
from io import BytesIO
from typing import Any
from weakref import WeakKeyDictionary

import pytest

# The characters of most figures, with the ligatures that text is set with.
_DRAWN = string.printable + "–−±×·…→≤≥ﬀﬁﬂﬃﬄ"


@cache
def _usual_subset(font: str, cut: Any, as_file: Any) -> tuple[frozenset[int], Any, bytes]:
    """The glyphs of most figures, the subset of a font with these, and that subset as a file."""
    from matplotlib.ft2font import FT2Font

    codes = FT2Font(font).get_charmap()
    glyphs = frozenset(codes[code] for code in map(ord, _DRAWN) if code in codes)
    with cut(font, set(glyphs)) as subset:
        return glyphs, subset, as_file(subset.font).getvalue()


@contextmanager
def cut_once() -> Iterator[None]:
    """Within, figures embed one subset of each font, made once: it takes most of the time of a small figure to cut it.

    Tests of the figures themselves embed what each figure needs.
    """
    from matplotlib.backends import _backend_pdf_ps as backend

    cut, as_file, files = backend.get_glyphs_subset, backend.font_as_file, {}

    def shared(font: str, glyphs: Iterable[int]) -> Any:
        known, subset, file = _usual_subset(font, cut, as_file)
        files[id(subset.font)] = file
        return nullcontext(subset) if known.issuperset(glyphs) else cut(font, glyphs)

    def kept(font: Any) -> BytesIO:
        return BytesIO(files[id(font)]) if id(font) in files else as_file(font)

    with pytest.MonkeyPatch.context() as patch:
        if hasattr(backend, "SubsetResults"):  # glyphs by their number; before, by their character
            patch.setattr(backend, "get_glyphs_subset", shared)
            patch.setattr(backend, "font_as_file", kept)
        yield


@contextmanager
def measured_once() -> Iterator[None]:
    """Within, the box around all characters of a font, which is the same in every EPS file, is measured once."""
    from matplotlib.backends import backend_ps

    measure: Any = getattr(backend_ps, "_bounds", None)
    boxes: dict[str, Any] = {}

    def measured(font: Any) -> Any:
        file = font.reader.file.name
        if file not in boxes:
            boxes[file] = measure(font)
        return boxes[file]

    with pytest.MonkeyPatch.context() as patch:
        if measure is not None:
            patch.setattr(backend_ps, "_bounds", measured)
        yield


@contextmanager
def few_drawn(known: dict[Any, Any], *, in_full: bool) -> Iterator[None]:
    """Within, commands leave blank pages for figures of a kind that one has drawn before: to draw them takes as long as
    all else of a small command. What a page says of itself in its metadata is there.

    known    the functions that draw -> the command that has drawn theirs in full; those of now are added
    in_full  somebody looks at the figures, and only of PDFs, which stand beside the same as SVG, are there blank ones
    """
    from matplotlib.figure import Figure

    from graphs.figures import canvas

    draw_figure, save = canvas._drawn, Figure.savefig
    is_known: WeakKeyDictionary[Figure, bool] = WeakKeyDictionary()

    def drawn(draw: Any) -> Figure:
        kind, command = getattr(draw.func, "__func__", draw.func), canvas._DRAWN.get()
        # Without a command, somebody has asked for this one figure.
        is_blank = command is not None and known.setdefault(kind, command) is not command
        figure = Figure((1, 1)) if is_blank and not in_full else draw_figure(draw)
        is_known[figure] = is_blank
        return figure

    def saved(figure: Figure, stream: Any, **settings: Any) -> None:
        is_blank = settings["format"] == "pdf" and is_known.get(figure, False)
        save(Figure((1, 1)) if is_blank else figure, stream, **settings)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(canvas, "_drawn", drawn)
        patch.setattr(Figure, "savefig", saved)
        yield
