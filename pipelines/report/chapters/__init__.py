"""Chapters: what a report says of one stored result. One kind of result per file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pipelines.discover.run import DiscoverRun
from pipelines.evaluate.files import EVALUATION_FILE
from pipelines.report.chapters import comparison, discovery, evaluation, study, trace
from pipelines.report.chapters.base import TOPICS, Chapter
from pipelines.reuse.plan import SUMMARY
from pipelines.runs.run import Run
from pipelines.study.files import STUDY_FILE
from pipelines.trace.run import TraceRun

__all__ = ["OF_FOLDERS", "OF_RUNS", "TOPICS", "Chapter"]

OF_RUNS: Mapping[type[Run], Callable[[Any], Chapter]] = {DiscoverRun: discovery.read, TraceRun: trace.read}
"""Class of a run -> its chapter."""
OF_FOLDERS: Mapping[str, Callable[[Path], Chapter]] = {
    STUDY_FILE: study.read,
    EVALUATION_FILE: evaluation.read,
    SUMMARY: comparison.read,
}
"""The file by which a folder is known -> the chapter of the folder."""
