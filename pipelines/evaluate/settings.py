"""Settings of `circuits evaluate`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import Field, model_validator

from pipelines.runs.settings import LARGEST_SEED, MOST, CommandSettings

# With q = .9, beating all of fewer has a probability above .05 (`circuits.evaluation.hypotheses`).
LEAST_DRAWS = 30


class EvaluateSettings(CommandSettings):
    """Evaluate circuits: faithful, complete, minimal, better than chance, stable, and at what cost.

    Writes evaluation.json and evaluation.csv to a folder. Repeating the command computes nothing new.
    """

    paper_tables = ("quality", "checks", "cost", "ranking", "hypotheses")
    runs: tuple[Any, ...] = Field(
        description="Runs: folders, or names within --runs.", json_schema_extra={"argument": True, "metavar": "RUN"}
    )
    truth: Any = Field(
        default=None,
        description="Known circuit: JSON file, a run, or ioi, greater-than, docstring.",
        json_schema_extra={"metavar": "RUN|FILE|NAME"},
    )
    random: int = Field(default=20, ge=0, le=MOST, strict=True, description="Random circuits of the same size.")
    knockouts: int = Field(
        default=8, ge=0, le=MOST, strict=True, description="Random sets of heads and MLPs to knock out."
    )
    resamples: int = Field(
        default=100, ge=0, le=MOST, strict=True, description="Resamples of the prompts, for the stability."
    )
    thorough: bool = Field(
        default=False,
        description="Measure the use of every head and MLP, with a set grown for each, whatever that takes.",
    )
    hypotheses: int = Field(
        default=0,
        ge=0,
        le=MOST,
        strict=True,
        description="Also hypothesis tests, with N random circuits (30 or more; 100 take some 250 passes).",
    )
    random_curve: int = Field(
        default=0,
        ge=0,
        le=MOST,
        strict=True,
        description="Also N random circuits at every size of the faithfulness curve.",
    )
    seed: int = Field(default=0, ge=0, le=LARGEST_SEED, strict=True, description="Seed of all that is drawn at random.")
    folder: Path | None = Field(
        default=None,
        description="Folder for the table. [RUNS/evaluate-...]",
        json_schema_extra={"option": "--out"},
    )

    @model_validator(mode="after")
    def _has_pairs(self) -> EvaluateSettings:
        if self.resamples == 1:
            raise ValueError("resamples is 1: circuits of resamples are compared in pairs; give 2 or more, or 0.")
        if not self.runs:
            raise ValueError("no run is given. `circuits status` lists the runs of a store.")
        if 0 < self.hypotheses < LEAST_DRAWS:
            raise ValueError(
                f"hypotheses is {self.hypotheses}: with fewer than {LEAST_DRAWS} random circuits no circuit can be "
                "told from 90 % of them. Give more, or 0 for no tests."
            )
        return self

    @property
    def amounts(self) -> tuple[int, ...]:
        """How much is computed: two calls with the same amounts on the same runs compute the same."""
        of_curve = (self.random_curve,) if self.random_curve else ()  # folders of before keep their names
        return self.random, self.knockouts, self.resamples, self.thorough, self.hypotheses, self.seed, *of_curve
