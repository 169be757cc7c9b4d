"""PDF figures whose fonts are cut once: for tests of what commands write, in this process or in one of their own."""

from __future__ import annotations

import string
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext
from functools import cache
from io import BytesIO
from typing import Any

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
