"""`circuits compare`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Unpack

from pipelines.command import Command, call
from pipelines.compare import aligned, published
from pipelines.compare.files import files
from pipelines.compare.paper import papers
from pipelines.compare.plan import ComparePlan, plan
from pipelines.compare.report import StoredComparison, report
from pipelines.compare.settings import CompareSettings
from pipelines.compare.table import print_comparison
from pipelines.engine.execution import Execution
from pipelines.runs.run import Run
from pipelines.runs.settings_file import settings_from
from pipelines.runs.signature import takes_settings

if TYPE_CHECKING:
    from pipelines.keywords import AlignHeadsKeywords, CompareKeywords, ComparePublishedKeywords

RUNS = Command("compare", CompareSettings, plan, report, files, print_comparison)
PUBLISHED = Command(
    "compare", CompareSettings, published.plan, published.report, published.files, published.print_published
)
ALIGNED = Command("compare", CompareSettings, aligned.plan, aligned.report, aligned.files, aligned.print_aligned)
AnyPlan = ComparePlan | published.PublishedPlan | aligned.AlignedPlan
AnyComparison = StoredComparison | published.PublishedComparison | aligned.AlignedHeads


def _plan(settings: CompareSettings, execution: Execution) -> AnyPlan:
    if settings.align is not None:
        return ALIGNED.plan(settings, execution)
    return (PUBLISHED if published.names_published(settings) else RUNS).plan(settings, execution)


def _report(plan: AnyPlan) -> AnyComparison:
    if isinstance(plan, aligned.AlignedPlan):
        return ALIGNED.report(plan)
    return RUNS.report(plan) if isinstance(plan, ComparePlan) else PUBLISHED.report(plan)


def _files(plan: AnyPlan, report: AnyComparison) -> dict[str, bytes]:
    if isinstance(plan, ComparePlan):
        assert isinstance(report, StoredComparison)
        return files(plan, report)
    if isinstance(plan, aligned.AlignedPlan):
        assert isinstance(report, aligned.AlignedHeads)
        return aligned.files(plan, report)
    assert isinstance(report, published.PublishedComparison)
    return published.files(plan, report)


def _table(report: AnyComparison) -> None:
    if isinstance(report, aligned.AlignedHeads):
        aligned.print_aligned(report)
        return
    print_comparison(report) if isinstance(report, StoredComparison) else published.print_published(report)


COMMAND = Command("compare", CompareSettings, _plan, _report, _files, _table, papers)


def _each(runs: Sequence[Run | str | Path]) -> tuple[Run | str | Path, ...]:
    """The runs one by one, where they were given as a list."""
    return tuple(one for given in runs for one in (given if isinstance(given, list | tuple) else (given,)))


@takes_settings(CompareSettings, leaves_out=("align",))
def compare(
    *runs: Run | str | Path, progress: bool | None = None, **settings: Unpack[CompareKeywords]
) -> StoredComparison:
    """What the circuits of two runs or more share; saved as JSON, CSV and PDF.

    Each circuit is run on the prompts of the other tasks, beside random circuits, itself on other heads and circuits
    made of two, which computes only what the store lacks; overlap is read from what the runs stored.

    settings  fields of `CompareSettings` (overlap_only, draws, seed; across_models, to compare two checkpoints of one
              architecture head by head; folder, by default `compare-A-B` within `out`) and of `Execution` (out, in
              which runs are looked up by name, workers, scheduler, gpus, device)
    Raises a ValueError before any model runs for runs that cannot be compared, which says what still can be.

    >>> from pipelines import compare, discover
    >>> comparison = compare(*(discover(task, prompts=8, edges=40) for task in ("ioi", "colored-objects")))
    >>> comparison.summary["shared_heads"]
    ['a1.h1', 'a1.h3']
    """
    values = {"runs": _each(runs), **settings}
    checked, _ = settings_from(values, CompareSettings)
    if published.names_published(checked):
        raise ValueError("a published circuit is among the runs: call compare_published, which compares heads alone.")
    if checked.align is not None:
        raise ValueError("align asks which heads do the same, whatever the circuits share: call align_heads.")
    return call(RUNS, values, progress=progress)


@takes_settings(CompareSettings, only=("folder", "out"))
def compare_published(
    *runs: Run | str | Path, **settings: Unpack[ComparePublishedKeywords]
) -> published.PublishedComparison:
    """Which heads runs share with published circuits; saved as JSON and CSV. No model runs.

    runs      runs, and names such as "published:ioi-gpt2-small" (`circuits published` lists them)
    settings  `folder`, and `out`, in which runs are looked up by name
    Raises a ValueError for models of different shapes.

    >>> from pipelines import compare_published
    >>> names = ("published:ioi-gpt2-medium", "published:colored-objects-gpt2-medium")
    >>> row = compare_published(*names).summary["overlaps"][0]
    >>> row["n_a"], row["n_b"], row["n_shared"]
    (11, 10, 7)
    """
    return call(PUBLISHED, {"runs": runs, **settings}, progress=False)


@takes_settings(CompareSettings, only=("seed", "folder", "out"))
def align_heads(
    *runs: Run | str | Path, by: Literal["profile", "role"] = "profile", **settings: Unpack[AlignHeadsKeywords]
) -> aligned.AlignedHeads:
    """Which heads of the circuits of runs do the same, in checkpoints or in models of any shape. No model runs.

    by        `profile`: like readings; `role`: like roles, and of several alike those with like readings
    settings  `seed`, `folder`, and `out`, in which runs are looked up by name
    Raises a ValueError for a run whose heads `label_heads` did not measure.

    >>> from pipelines import align_heads, discover, label_heads
    >>> run = discover("induction", prompts=32)
    >>> _ = label_heads(run)
    >>> align_heads(run, run, by="role").alignments[0]["likeness"]["value"]
    1.0
    """
    return call(ALIGNED, {"runs": runs, "align": by, **settings}, progress=False)
