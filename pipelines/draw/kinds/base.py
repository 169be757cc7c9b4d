"""What a kind of figure is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from graphs.figures.fit import Drawing


@dataclass(frozen=True)
class FigureKind:
    """One kind of figure, for `circuits draw`.

    name     what it is called on the command line
    summary  what it shows
    takes    what it is drawn from, as in the help, such as `RUN [EVALUATION]`
    fewest   how many subjects it needs; `most` how many it takes, None where that is open
    read     subjects and the store in which they are looked up -> the figure, to be drawn. A ValueError for what is
             not stored, or cannot be shown in this way, says what to do
    """

    name: str
    summary: str
    takes: str
    fewest: int
    most: int | None
    read: Callable[[Sequence[str], Path], Drawing]

    def drawing(self, subjects: Sequence[str], store: Path) -> Drawing:
        """The figure of these subjects. ValueError for too few or too many of them."""
        if len(subjects) < self.fewest or (self.most is not None and len(subjects) > self.most):
            found = ", ".join(subjects) or "nothing"
            raise ValueError(
                f"{self.name} takes {self.takes}; found {found}. `circuits figures` lists what all kinds take."
            )
        return self.read(subjects, store)
