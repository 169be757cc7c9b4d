"""`circuits intervene concept`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Unpack

from pipelines.command import Command, call
from pipelines.intervene.concept.files import files
from pipelines.intervene.concept.paper import papers
from pipelines.intervene.concept.plan import plan
from pipelines.intervene.concept.report import ConceptReport, report
from pipelines.intervene.concept.settings import ConceptSettings
from pipelines.intervene.concept.table import print_concept
from pipelines.runs.signature import takes_settings

if TYPE_CHECKING:
    from pipelines.keywords import AddConceptKeywords, AnyTask

COMMAND = Command("intervene concept", ConceptSettings, plan, report, files, print_concept, papers)


@takes_settings(ConceptSettings)
def add_concept(
    task: AnyTask, *, progress: bool | None = None, **settings: Unpack[AddConceptKeywords]
) -> ConceptReport:
    """What a vector added to the residual stream does to a task, by its strength, beside random vectors.

    task      name of a task, or a prompt file
    settings  fields of `ConceptSettings` (model, layer, at, read, strengths, ...) and of `Execution` (out, ...)

    Computes only what the store lacks. Raises a ValueError before anything is judged where a layer or a role is not
    there, where the vector is 0, and where a prompt that judges is in a set that makes the vector.

    >>> from pipelines import add_concept
    >>> curve = add_concept("ioi", layer=2, at="END", strengths=(-1, 1), prompts=8, random=2)
    >>> [row["strength"] for row in curve.rows]
    [-1.0, 1.0]
    """
    return call(COMMAND, {"task": task, **settings}, progress=progress)
