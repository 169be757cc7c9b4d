"""Report: what every command reports. It is read from stored results; nothing in it runs a model."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from circuits.files import portable
from circuits.html_text import html_block, html_facts, html_note, html_table
from circuits.lookup import lookup
from circuits.numbers import count_text
from pipelines.engine.progress import duration

if TYPE_CHECKING:
    import pandas as pd

_SHOWN = 12
_FEW = 4


class Format(NamedTuple):
    """What a file says it is, and the version of its layout."""

    name: str
    version: int


@dataclass(frozen=True, kw_only=True)
class Report:
    """Results, where they are, and what the call spent on them. Subclasses stand in `report.py` of each command.

    folder      holds the files
    warnings    what a reader should know before trusting the numbers; those of `told` were said before the work
    n_jobs      how many jobs the results rest on; `n_computed` of them were computed by this call, and `n_by_others`
                by another one at the same time
    seconds     that the call took
    csv_files   name without the ending -> its CSV files, as they are in the folder

    >>> from pipelines import effects
    >>> report = effects("ioi", prompts=4)
    >>> report, report.warnings
    (<EffectsReport in ...>, ())
    >>> frame = report.to_frame()
    >>> len(frame) == len(report.rows), frame.columns[:3].tolist(), list(report.csv_files)
    (True, ['part', 'total', 'direct'], ['effects'])
    >>> report.to_dict()["format"]
    'circuit-workbench-effects'
    >>> report.content()["parts"] == list(report.rows), report.spent["jobs"]["total"] == report.n_jobs
    (True, True)
    >>> report.last_line
    '... Kept in ...'
    """

    format: ClassVar[Format]
    folder: Path
    warnings: tuple[str, ...] = ()
    n_jobs: int = 0
    n_computed: int = 0
    n_by_others: int = 0
    seconds: float = 0.0
    csv_files: Mapping[str, bytes] = field(default_factory=dict, repr=False, compare=False)
    told: frozenset[str] = field(default=frozenset(), repr=False, compare=False)

    def __init_subclass__(cls) -> None:
        # Dataclasses would write out all results: what they find in the class itself they leave alone.
        super().__init_subclass__()
        if "__repr__" not in vars(cls):
            cls.__repr__ = Report.__repr__

    def __repr__(self) -> str:
        return f"<{type(self).__name__} in {portable(self.folder)}>"

    def _repr_html_(self) -> str:
        notes = (html_note(warning) for warning in self.warnings)
        return html_block(repr(self)[1:-1], *self._html_parts(), *notes)

    def _html_parts(self) -> Iterable[str]:
        """What a notebook shows between title and warnings, as HTML: by default the numbers of the content, and of its
        table the first rows; of a few rows everything, one below the other."""
        plain = str | int | float | bool
        facts = {name: value for name, value in self.content().items() if isinstance(value, plain)}
        if facts:
            yield html_facts(facts)
        if not self.csv_files:
            return
        frame = self.to_frame().dropna(axis="columns", how="all").astype(object)
        frame = frame.where(frame.notna(), None)
        if len(frame) <= _FEW:
            frame = frame.T.reset_index()
            yield html_table(["", *[""] * (frame.shape[1] - 1)], frame.itertuples(index=False, name=None))
            return
        yield html_table(list(frame.columns), frame.head(_SHOWN).itertuples(index=False, name=None))
        if len(frame) > _SHOWN:
            yield html_note(f"... and {len(frame) - _SHOWN} more rows: to_frame() has all")

    def to_frame(self, table: str | None = None) -> pd.DataFrame:
        """A pandas frame of a CSV file of the report, by its name without the ending; by default of the first one.

        What was not measured is missing. ValueError, which names its tables, for one that it does not have.
        """
        import pandas as pd

        if not self.csv_files:
            raise ValueError(f"{type(self).__name__} has no tables.")
        name = next(iter(self.csv_files)) if table is None else table
        data = lookup(self.csv_files, name, "table")
        # A task may be called "null".
        return pd.read_csv(io.BytesIO(data), keep_default_na=False, na_values=[""])

    def content(self) -> dict[str, Any]:
        """The results as plain values, without what the call spent."""
        raise NotImplementedError

    def to_dict(self) -> dict[str, Any]:
        """The content, with its format: what the JSON file of the report holds."""
        return {"format": self.format.name, "version": self.format.version, **self.content()}

    @property
    def spent(self) -> dict[str, Any]:
        """Where results are stored, and what this call cost."""
        counts = {"total": self.n_jobs, "computed": self.n_computed}
        counts |= {"computed_by_others": self.n_by_others} if self.n_by_others else {}
        jobs = {"jobs": counts} if self.n_jobs else {}
        return {"folder": str(self.folder), "seconds": round(self.seconds, 3), **jobs}

    @property
    def last_line(self) -> str:
        """What this call cost, in a sentence."""
        kept = f"Kept in {self.folder}"
        if not self.n_jobs:
            return kept
        if not self.n_computed + self.n_by_others:
            return f"nothing new to compute, {duration(self.seconds)}. {kept}"
        jobs = f"{self.n_computed} of {count_text(self.n_jobs, 'job')} computed"
        jobs += f" and {self.n_by_others} by another command at the same time" if self.n_by_others else ""
        return f"{jobs}, {duration(self.seconds)}. {kept}"
