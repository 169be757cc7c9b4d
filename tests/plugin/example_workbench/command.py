"""A command: how long the prompts of a run are. A real one has its parts in files of their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import Field

from pipelines.command import Command
from pipelines.discover.run import jobs_of, require_circuit
from pipelines.engine.execute import Work
from pipelines.engine.execution import Execution
from pipelines.engine.job import Job
from pipelines.engine.plan import Plan
from pipelines.engine.result_file import Result
from pipelines.engine.stage import Inputs, LoadModel, Stage
from pipelines.engine.store import Store, as_json
from pipelines.reporting.report import Format, Report
from pipelines.reporting.tables import print_rows
from pipelines.runs.codec import prompts_from
from pipelines.runs.run import open_run, store_of
from pipelines.runs.settings import CommandSettings


class LengthsSettings(CommandSettings):
    """How many tokens the prompts of a run have."""

    run: str = Field(description="A run: folder or name.", json_schema_extra={"argument": True})
    folder: Path | None = Field(
        default=None, description="Folder for the table.", json_schema_extra={"option": "--out"}
    )


def count_tokens(settings: Mapping[str, Any], inputs: Inputs, model: LoadModel) -> Result:
    """Length of each prompt, of this stage's inputs alone: no model is loaded."""
    return Result({"lengths": [len(prompt) for prompt in prompts_from(inputs["prompts"][0])]})


TOKENS = Stage("count-tokens", 1, count_tokens)


@dataclass(frozen=True)
class LengthsPlan(Plan):
    """The job that counts."""

    job: Job
    before: tuple[Job, ...]
    store: Store
    target: Path

    @property
    def folder(self) -> Path:
        return self.target

    @property
    def work(self) -> Sequence[Work]:
        return (Work(self.store, (*self.before, self.job), "lengths"),)


def plan(settings: LengthsSettings, execution: Execution) -> LengthsPlan:
    """The job that counts the tokens of a run's prompts."""
    run = require_circuit(open_run(settings.run, out=execution.out))
    prompts = jobs_of(run).prompts
    job, target = Job(TOKENS, {}, {"prompts": (prompts.key,)}), settings.folder or run.folder / "lengths"
    return LengthsPlan(job, (prompts,), store_of(run, execution.out), target)


@dataclass(frozen=True, kw_only=True)
class Lengths(Report):
    """Length of each prompt, in tokens."""

    format = Format("example-lengths", 1)
    lengths: tuple[int, ...]

    def content(self) -> dict[str, Any]:
        return {"lengths": list(self.lengths)}


def report(plan: LengthsPlan) -> Lengths:
    """What was counted."""
    return Lengths(folder=plan.folder, lengths=tuple(plan.store.read(plan.job.key).meta["lengths"]))


def files(plan: LengthsPlan, report: Lengths) -> dict[str, bytes]:
    """lengths.json."""
    return {"lengths.json": as_json(report.to_dict())}


def print_lengths(report: Lengths) -> None:
    """Shortest and longest prompt."""
    print_rows("tokens", [{"shortest": min(report.lengths), "longest": max(report.lengths)}])


LENGTHS = Command("lengths", LengthsSettings, plan, report, files, print_lengths)
