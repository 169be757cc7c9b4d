"""Where jobs are computed."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Execution(BaseModel):
    """Where a run is computed and kept; results do not depend on it, but for the rounding of CPU and GPU."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    out: Path = Field(default=Path("runs"), description="Store: the folder that keeps results.")
    workers: int | None = Field(default=None, ge=1, le=1024, description="Run on N local processes.")
    scheduler: str | None = Field(default=None, description="Run on the Dask cluster at this address.")
    gpus: bool = Field(default=False, description="Run one process per visible GPU.")
    device: str = Field(default="cpu", description="cpu, cuda, cuda:1, ...")

    @model_validator(mode="after")
    def _has_one_place(self) -> Execution:
        given = [name for name in ("workers", "scheduler", "gpus") if getattr(self, name)]
        if len(given) > 1:
            raise ValueError(f"{' and '.join(given)} are different places to run: give one of them.")
        return self
