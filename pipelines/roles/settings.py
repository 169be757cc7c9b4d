"""Settings of `circuits roles`."""

from __future__ import annotations

from typing import Any

from pydantic import Field, field_validator

from pipelines.runs.settings import CommandSettings, names_in


class RolesSettings(CommandSettings):
    """What the heads of a run's circuit do: roles by written rules, each with the numbers that it rests on.

    A rule asks for a pattern (where a head attends, what it writes) and for an effect (what changes without it), each
    with its whole interval over prompts; `circuits rules` lists rules and thresholds. Measured on the prompts that
    judged the circuit, for all heads of the model: profiles, and exact effects at all positions, at END, and on the
    direct way to the logits. Writes roles.json, roles.csv, the circuit with its roles (graph.json, which `circuits
    export` turns into other formats) and a figure. Repeating the command computes nothing new.
    """

    paper_tables = ("roles", "rules")
    run: Any = Field(
        description="Run: a folder, or a name within --runs.", json_schema_extra={"argument": True, "metavar": "RUN"}
    )
    rules: tuple[str, ...] = Field(
        default=(), description="Which, such as mover:min_attention=0.4,induction. [all, with their defaults]"
    )
    right: str | None = Field(
        default=None,
        description="Roles of the words that say the answer. [the task's; else tokens that are the answer]",
    )
    wrong: str | None = Field(
        default=None,
        description="Roles of the words that compete with it. [the task's; else tokens that are wrong answers]",
    )
    level: float = Field(default=0.95, gt=0.5, lt=1, description="Level of the intervals that must be past a bound.")

    @field_validator("rules", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        return names_in(value)
