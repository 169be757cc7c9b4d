"""Settings of `circuits reuse`."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field, model_validator

from pipelines.runs.settings import CommandSettings


class ReuseSettings(CommandSettings):
    """What runs share, on one page: reuse.html and its figures, from stored results alone.

    Runs no model: compare the runs first (`circuits compare`). The same results give the same bytes.
    """

    is_computed: ClassVar[bool] = False
    runs: tuple[Any, ...] = Field(
        description="The runs that were compared, in that order; or the folder of their comparison.",
        json_schema_extra={"argument": True, "metavar": "RUN|COMPARISON"},
    )
    repair: Path | None = Field(
        default=None, description="Folder of a repair (`circuits intervene repair`), shown as bars."
    )
    folder: Path | None = Field(
        default=None,
        description="Folder for the page. [COMPARISON/report]",
        json_schema_extra={"option": "--out"},
    )

    @model_validator(mode="after")
    def _has_some(self) -> ReuseSettings:
        if not self.runs:
            raise ValueError("no run is given. Name the runs that were compared, or the folder of their comparison.")
        return self
