"""Settings of `circuits codes`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import Field

from pipelines.runs.settings import CommandSettings


class CodesSettings(CommandSettings):
    """What the codes of a head-coding run mean: prompts that show them, tokens they promote, roles they activate at.

    Writes codes.json, codes.csv, a figure (PDF, SVG) and the autoencoders to a folder. Repeating the command computes
    nothing new.
    """

    paper_tables = ("codes", "heads")
    run: Any = Field(
        description="Run of the method head-coding or code-pairs: a folder, or a name within --runs.",
        json_schema_extra={"argument": True},
    )
    trial: int = Field(default=0, description="Trial whose codes are explained.")
    heads: int | None = Field(
        default=None,
        description="Explain codes of the N heads with the highest scores. [heads of the circuit]",
    )
    folder: Path | None = Field(
        default=None,
        description="Folder for tables, figure and autoencoders. [RUN/codes]",
        json_schema_extra={"option": "--out"},
    )
