"""Settings of `circuits report`."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field, field_validator, model_validator

from pipelines.runs.settings import CommandSettings


class ReportSettings(CommandSettings):
    """One document for the appendix of a paper: methods in the past tense, results, limits, settings, BibTeX.

    From stored results alone: no model runs, and the same results give the same bytes. Runs and causal traces are given
    by folder or name, comparisons, studies and evaluations by the folder that their command said.
    """

    is_computed: ClassVar[bool] = False
    subjects: tuple[Any, ...] = Field(
        description="Runs, traces, and folders of comparisons, studies and evaluations, in the order of the document.",
        json_schema_extra={"argument": True, "metavar": "RUN|COMPARISON|STUDY|EVALUATION"},
    )
    to: str = Field(
        default="html",
        description="html, markdown, latex or pdf (which takes LaTeX).",
        json_schema_extra={"metavar": "FORMAT"},
    )
    numbers: str = Field(default="brackets", description="Intervals of tables: brackets or uncertainty.")
    title: str | None = Field(default=None, description="Title of the document. [what it is about, in a line]")
    folder: Path | None = Field(
        default=None,
        description="Folder for the document. [RUNS/report-...]",
        json_schema_extra={"option": "--out"},
    )

    @field_validator("to")
    @classmethod
    def _is_known(cls, value: str) -> str:
        from pipelines.reporting.document import document_format

        document_format(value).check()
        return value

    @field_validator("numbers")
    @classmethod
    def _is_a_style(cls, value: str) -> str:
        from pipelines.reporting.paper import number_style

        return number_style(value)

    @model_validator(mode="after")
    def _has_some(self) -> ReportSettings:
        if not self.subjects:
            raise ValueError(
                "nothing is given to report on. Name runs, or folders of comparisons, studies and evaluations."
            )
        return self
