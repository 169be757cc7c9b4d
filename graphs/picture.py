"""A drawing that shows itself in notebooks and saves itself as a file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from circuits.files import path_from, write_atomically
from circuits.lookup import lookup

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PictureFormat = Literal["svg", "pdf", "png", "eps"]


class Picture:
    """What `draw` returns. In a notebook it is shown as SVG; the same results give the same bytes.

    text  what it shows, in a few words

    >>> from circuits import Edge, Wiring
    >>> from graphs import CircuitGraph
    >>> names = ("input->a0.h0<v>", "a0.h0->logits")
    >>> circuit = CircuitGraph.from_edges(Wiring(n_layers=2, n_heads=2, n_kv_heads=2), map(Edge.parse, names))
    >>> picture = circuit.draw(size="column")
    >>> picture.save("circuit.pdf")
    >>> picture.to_bytes("svg")[:5]
    b'<?xml'
    >>> picture.figure().get_size_inches().tolist()[0] > 3
    True
    """

    def __init__(
        self, text: str, figure: Callable[[], Figure], as_bytes: Callable[[PictureFormat, int], bytes]
    ) -> None:
        """What makes it: as a figure of matplotlib, and as a file of a format at so many dots an inch."""
        self.text, self._figure, self._as_bytes = text, figure, as_bytes

    def to_bytes(self, kind: PictureFormat = "svg", *, dpi: int = 200) -> bytes:
        """The content of a file: svg, pdf, png or eps. `dpi` is that of a PNG."""
        lookup(dict.fromkeys(get_args(PictureFormat)), kind, "format of pictures")
        return self._as_bytes(kind, dpi)

    def save(self, path: str | Path, *, dpi: int = 200) -> None:
        """Write it at `path`, whose ending names the format: .svg, .pdf, .png or .eps.

        ValueError for another ending, and where the file cannot be written.
        """
        file = path_from(path, "the file to write")
        kind = file.suffix.lower().removeprefix(".")
        if kind not in get_args(PictureFormat):
            known = ", ".join(f".{known}" for known in get_args(PictureFormat))
            raise ValueError(f"{path}: the ending names the format of a picture; it is one of {known}.")
        write_atomically(file, self._as_bytes(kind, dpi))  # pyright: ignore[reportArgumentType]

    def figure(self) -> Figure:
        """The same as a figure of matplotlib, to be changed."""
        return self._figure()

    def __repr__(self) -> str:
        return f"<Picture: {self.text}>"

    def _repr_svg_(self) -> str:
        return self.to_bytes("svg").decode()
