"""A comparison as tables for papers."""

from __future__ import annotations

from pipelines.compare import aligned, published
from pipelines.compare.heads_paper import aligned_papers, published_papers
from pipelines.compare.overlap_paper import overlap_papers
from pipelines.compare.report import StoredComparison
from pipelines.compare.transfer_paper import transfer_papers
from pipelines.reporting.paper.table import PaperTable


def papers(report: StoredComparison | published.PublishedComparison | aligned.AlignedHeads) -> dict[str, PaperTable]:
    """Transfer first, then overlap; of published circuits and aligned heads, the tables of these."""
    if isinstance(report, published.PublishedComparison):
        return published_papers(report)
    if isinstance(report, aligned.AlignedHeads):
        return aligned_papers(report)
    return transfer_papers(report.summary) | overlap_papers(report.summary, report.traces)
