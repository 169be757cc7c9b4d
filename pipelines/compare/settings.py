"""Settings of `circuits compare`."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field

from pipelines.runs.settings import CommandSettings


class CompareSettings(CommandSettings):
    """What two circuits share, compared with chance; writes comparison.json and comparison.pdf to a folder."""

    is_computed: ClassVar[bool] = False

    run_a: Any = Field(
        description="A run: its folder, or its name within --runs.", json_schema_extra={"argument": True}
    )
    run_b: Any = Field(description="The run to compare it with.", json_schema_extra={"argument": True})
    folder: Path | None = Field(
        default=None,
        description="Folder for the comparison. [RUNS/compare-A-B]",
        json_schema_extra={"option": "--out"},
    )
    across_models: bool = Field(default=False, description="Compare checkpoints of one architecture head by head.")
