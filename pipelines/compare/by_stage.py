"""Heads that pairs of runs found in the same stage of a search (`--method staged-path-patching`)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

from graphs.comparison.by_stage import Row, stage_overlap
from pipelines.runs.run import Run

ENTRY = "path_stages"


def stage_overlaps(runs: Sequence[Run], labels: Sequence[str]) -> list[Row]:
    """A row per pair of runs that were searched in stages, if these have names in common."""
    searched = [(label, run.summary[ENTRY]) for label, run in zip(labels, runs, strict=True) if ENTRY in run.summary]
    pairs = (stage_overlap(*first, *second) for first, second in combinations(searched, 2))
    return [pair for pair in pairs if pair["stages"]]
