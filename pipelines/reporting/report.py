"""Report: what every command reports. It is read from stored results; nothing in it runs a model."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

from pipelines.engine.progress import duration


class Format(NamedTuple):
    """What a file says it is, and the version of its layout."""

    name: str
    version: int


@dataclass(frozen=True, kw_only=True)
class Report:
    """Results, where they are, and what the call spent on them. Subclasses stand in `report.py` of each command.

    folder      holds the files
    warnings    what a reader should know before trusting the numbers
    n_jobs      how many jobs the results rest on; `n_computed` of them were computed by this call
    seconds     that the call took
    """

    format: ClassVar[Format]
    folder: Path
    warnings: tuple[str, ...] = ()
    n_jobs: int = 0
    n_computed: int = 0
    seconds: float = 0.0

    def content(self) -> dict[str, Any]:
        """The results as plain values, without what the call spent."""
        raise NotImplementedError

    def to_dict(self) -> dict[str, Any]:
        """The content, with its format: what the JSON file of the report holds."""
        return {"format": self.format.name, "version": self.format.version, **self.content()}

    @property
    def spent(self) -> dict[str, Any]:
        """Where results are stored, and what this call cost."""
        jobs = {"jobs": {"total": self.n_jobs, "computed": self.n_computed}} if self.n_jobs else {}
        return {"folder": str(self.folder), "seconds": round(self.seconds, 3), **jobs}

    @property
    def last_line(self) -> str:
        """What this call cost, in a sentence."""
        kept = f"Kept in {self.folder}"
        if not self.n_jobs:
            return kept
        jobs = f"{self.n_computed} of {self.n_jobs} jobs computed" if self.n_computed else "nothing new to compute"
        return f"{jobs}, {duration(self.seconds)}. {kept}"
