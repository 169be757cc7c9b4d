"""Where jobs are computed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

_ADDRESS = re.compile(r"([a-z][a-z0-9+]*://)?[^\s/:]+(:[^\s/:]+)*:\d{1,5}/?|inproc://\S+", re.IGNORECASE)


class Execution(BaseModel):
    """Where a run is computed and kept; results do not depend on it, but for the rounding of CPU and GPU."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    out: Path = Field(default=Path("runs"), description="Store: the folder that keeps results.")
    workers: int | None = Field(default=None, ge=1, le=1024, description="Run on N local processes.")
    scheduler: str | None = Field(default=None, description="Run on the Dask cluster at this address.")
    gpus: bool = Field(default=False, description="Run one process per visible GPU.")
    device: str = Field(default="cpu", description="cpu, cuda, cuda:1, ...")

    @field_validator("out", mode="before")
    @classmethod
    def _is_named(cls, given: Any) -> Any:
        if given == "":
            raise ValueError("an empty name is no folder; give '.' for the current one")
        return given

    @field_validator("scheduler")
    @classmethod
    def _is_address(cls, given: str | None) -> str | None:
        if given is not None and not _ADDRESS.fullmatch(given):
            raise ValueError(f"{given!r} is no address; they look like 'tcp://host:8786'")
        return given

    @model_validator(mode="after")
    def _has_one_place(self) -> Execution:
        given = [name for name in ("workers", "scheduler", "gpus") if getattr(self, name) not in (None, False)]
        if len(given) > 1:
            raise ValueError(f"{' and '.join(given)} are different places to run: give one of them.")
        return self
