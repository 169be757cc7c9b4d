"""What a chapter is, and the topics of methods that chapters share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from circuits.citations import Citation
from pipelines.reporting.document import Piece
from pipelines.runs.about_file import sealed_bytes
from pipelines.runs.method_settings import with_portable_paths
from pipelines.runs.record import SETTINGS
from pipelines.runs.run import Run
from pipelines.runs.settings_file import as_yaml

TOPICS = ("Model", "Prompts", "Metric", "Scores", "Circuits", "Faithfulness", "Statistics")
"""Of what methods are told, in this order."""


@dataclass(frozen=True, kw_only=True)
class Chapter:
    """What a report says of one result.

    name      of the result: its folder's
    title     of its section of results
    subject   what it is about, for the title of the document
    methods   topic -> sentences in the past tense; those that several chapters say are said once
    cites     the papers that the methods are from
    results   tables and figures
    limits    what a reader should know before trusting the numbers
    command   makes the result again
    settings  all of them, as YAML
    versions  of the packages that computed it
    row       of the table of all runs; None of what is no run
    """

    name: str
    title: str
    subject: str
    methods: Mapping[str, Sequence[str]]
    results: Sequence[Piece]
    cites: Sequence[Citation] = ()
    limits: Sequence[str] = ()
    command: str | None = None
    settings: str | None = None
    versions: Mapping[str, str] = field(default_factory=dict)
    row: Mapping[str, Any] | None = None


def settings_of(run: Run) -> str:
    """All settings of a run as YAML, as files tell them that others read. ValueError where its config.yaml was
    changed."""
    sealed_bytes(run.folder / SETTINGS)
    return as_yaml(with_portable_paths(run.config))


def name_of_figure(run: Run, name: str) -> str:
    """The name of a figure's file in a document of several runs."""
    return f"{run.name}-{name}"
