"""Settings of `circuits compare`."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, model_validator

from pipelines.runs.settings import LARGEST_SEED, MOST, CommandSettings


class CompareSettings(CommandSettings):
    """What circuits share: what each does on the other tasks, and which parts they have in common.

    Writes comparison.json, its drawing, tables and figures to a folder. Repeating the command computes nothing new.
    """

    paper_tables = (
        *("transfer", "matrix", "accuracy", "verdicts", "sets", "checkpoints"),
        *("overlap", "heads", "chance", "scores", "traces", "alignment", "pairs"),
    )
    runs: tuple[Any, ...] = Field(
        description="Two or more runs: folders, or names within --runs; or published:NAME (`circuits published`).",
        json_schema_extra={"argument": True, "metavar": "RUN"},
    )
    overlap_only: bool = Field(
        default=False, description="Run no circuit on the other tasks' prompts: compare what is stored."
    )
    draws: int = Field(
        default=10,
        ge=0,
        le=MOST,
        strict=True,
        description="Random circuits, and circuits on other heads, to compare with.",
    )
    seed: int = Field(default=0, ge=0, le=LARGEST_SEED, strict=True, description="Seed of all that is drawn at random.")
    folder: Path | None = Field(
        default=None,
        description="Folder for the comparison. [RUNS/compare-A-B]",
        json_schema_extra={"option": "--out"},
    )
    across_models: bool = Field(
        default=False,
        description="Compare checkpoints of one architecture head by head, and patch one's outputs into the other.",
    )

    align: Literal["role", "profile"] | None = Field(
        default=None,
        description="Only which heads do the same, by role or by profile (after circuits roles); models of any shape.",
    )

    @model_validator(mode="after")
    def _has_several(self) -> CompareSettings:
        if len(self.runs) < 2:
            n_given = "1 run" if self.runs else "no run"
            raise ValueError(f"{n_given} given, and a comparison takes two or more. `circuits status` lists them.")
        return self
