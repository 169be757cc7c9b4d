"""Settings of `circuits study`."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

from pydantic import Field

from pipelines.runs.settings import RunConfig


class StudySettings(RunConfig):
    """Vary one setting: how well scores rank the heads of a known circuit first at each value, and at what cost.

    Writes study.json, study.csv and a figure (PDF, SVG) to a folder. Only scores are measured; no circuit is selected.
    Repeating the command computes nothing new.
    """

    paper_tables = ("ranking", "cost")
    vary: dict[str, Any] = Field(
        default_factory=dict,
        description="The setting, of the run, its method or its task, to vary.",
        json_schema_extra={"metavar": "KEY=V1,V2,...", "form": "lists"},
    )
    truth: Any = Field(
        default=None,
        description="Known circuit: JSON file, a run, or ioi, greater-than, docstring.",
        json_schema_extra={"metavar": "RUN|FILE|NAME"},
    )
    position: str | None = Field(
        default=None, description="Methods of heads and MLPs: read scores at this role or position."
    )
    folder: Path | None = Field(
        default=None,
        description="Folder for table and figure. [RUNS/study-...]",
        json_schema_extra={"option": "--out"},
    )

    @classmethod
    def no_circuit(cls, used: Collection[str]) -> str:
        return f"{', '.join(used)} chooses a circuit, and a study only ranks scores: leave it out."

    @property
    def of_runs(self) -> dict[str, Any]:
        """The settings that were given for the runs themselves."""
        own = {"vary", "truth", "folder"}
        return {name: getattr(self, name) for name in self.model_fields_set - own}
