"""Settings of `circuits profile`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import Field, field_validator

from pipelines.runs.settings import PromptSettings, names_in


class ProfileSettings(PromptSettings):
    """What every head attends to and writes on the clean prompts of a task: one run, in which nothing is changed.

    A profile is evidence of what a head does, and no effect: discover measures effects. --profiles takes names with
    commas between them (`circuits profiles` lists them), each with its settings: attention:query=S2:to=IO, or in short
    attention=S2->IO. Those of weights need no prompts: without a task they are all of these. Writes profiles.json and
    profiles.csv, with 95 % t intervals over prompts. Repeating the command computes nothing new.
    """

    reads_texts = True
    task: str = Field(
        default="",
        description="A task (`circuits tasks`), a file of prompts or of texts; none for profiles of weights.",
        json_schema_extra={"argument": True},
    )
    profiles: tuple[str, ...] = Field(
        default=(), description="Which, such as induction,received:position=1. [all that take any prompts]"
    )
    contrast: tuple[str, ...] = Field(
        default=(),
        description="Two places, such as domain_code,domain_prose: also the difference of each profile that has both.",
    )

    @property
    def prompt_file(self) -> Path | None:
        return super().prompt_file if self.task else None

    @field_validator("profiles", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        return names_in(value)

    @field_validator("contrast", mode="before")
    @classmethod
    def _two(cls, value: Any) -> Any:
        """Two different places with a comma between them, or none."""
        places = names_in(value)
        if places and isinstance(places, tuple) and len(places) != 2:
            raise ValueError(f"contrast names {len(places)} places: give two, such as domain_code,domain_prose.")
        return places
