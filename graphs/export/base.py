"""What an export is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, NamedTuple

from circuits.files import is_file_name, read_bytes, replace_file
from circuits.scores import Scores
from graphs.circuit_graph import CircuitGraph
from graphs.comparison.comparison import Comparison


class Written(NamedTuple):
    """A file, and what whoever opens it should know beside it: how it holds more than the circuit, or less."""

    data: bytes
    notes: tuple[str, ...] = ()


class Export(ABC):
    """One file format. The same circuit or comparison gives the same bytes."""

    name: ClassVar[str]
    summary: ClassVar[str]
    extension: ClassVar[str]  # of the file name, without the dot
    also: ClassVar[tuple[str, ...]] = ()  # what else such files end in, as other tools write them

    @abstractmethod
    def to_bytes(
        self, subject: CircuitGraph | Comparison, *, scores: Sequence[Scores] = (), command: str | None = None
    ) -> bytes:
        """The whole file. ValueError for a subject that the format cannot hold, which says why.

        scores   all that was measured, for formats that list it
        command  what makes the subject again, for formats that say where it came from
        """

    def written(
        self, subject: CircuitGraph | Comparison, *, scores: Sequence[Scores] = (), command: str | None = None
    ) -> Written:
        """The whole file, as `to_bytes` gives it, with notes where it holds more than the circuit, or less."""
        return Written(self.to_bytes(subject, scores=scores, command=command))

    def require_ending(self, path: str | Path) -> None:
        """Raise a ValueError where a file of this name would be taken for one of another format.

        Without an ending, or with one that no kind of file has, such as `circuit.v2`, any name will do.
        """
        ending = Path(path).suffix.lower().removeprefix(".")
        own = self.extension.rpartition(".")[2]
        if ending in (own, *self.also) or not is_file_name(path):
            return
        raise ValueError(
            f"{path} ends in .{ending}, and the format {self.name} is written: call it "
            f"{Path(path).with_suffix(f'.{self.extension}')}, or choose another format."
        )

    def write(
        self,
        subject: CircuitGraph | Comparison,
        path: str | Path,
        *,
        scores: Sequence[Scores] = (),
        command: str | None = None,
    ) -> None:
        """Write the file at `path`, which then holds all of it, or what it held before (`circuits.files.replace_file`).

        Raises an OSError that says why where that cannot be written, and a ValueError for a name that ends like files
        of another format.
        """
        self.require_ending(path)
        replace_file(Path(path), self.to_bytes(subject, scores=scores, command=command))


class NotedExport(Export):
    """A format that holds more than the circuit, or less, and says so."""

    def to_bytes(
        self, subject: CircuitGraph | Comparison, *, scores: Sequence[Scores] = (), command: str | None = None
    ) -> bytes:
        return self.written(subject, scores=scores, command=command).data

    @abstractmethod
    def written(
        self, subject: CircuitGraph | Comparison, *, scores: Sequence[Scores] = (), command: str | None = None
    ) -> Written:
        """The whole file, with notes on what it holds."""


class ReadableExport(Export):
    """A format that can be read back."""

    @abstractmethod
    def from_bytes(self, data: bytes, *, source: str = "data") -> CircuitGraph | Comparison:
        """What was written. ValueError, naming `source`, for a damaged file or one of a newer format version."""

    def read(self, path: str | Path) -> CircuitGraph | Comparison:
        """What was written at `path`."""
        return self.from_bytes(read_bytes(Path(path)), source=str(path))
