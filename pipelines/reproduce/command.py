"""`circuits reproduce reuse`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Unpack

from pipelines.command import Command, call
from pipelines.reproduce.files import files
from pipelines.reproduce.plan import plan
from pipelines.reproduce.report import Reproduction, report
from pipelines.reproduce.settings import ReuseSettings
from pipelines.reproduce.table import print_reuse
from pipelines.runs.signature import takes_settings

if TYPE_CHECKING:
    from pipelines.keywords import AnyModel, ReproduceReuseKeywords

COMMAND = Command("reproduce reuse", ReuseSettings, plan, report, files, print_reuse)


@takes_settings(ReuseSettings)
def reproduce_reuse(
    model: AnyModel = "gpt2-medium", *, progress: bool | None = None, **settings: Unpack[ReproduceReuseKeywords]
) -> Reproduction:
    """The heads that IOI and Colored Objects reuse, beside the numbers of Merullo et al. where these are of the model.

    settings  fields of `ReuseSettings` (prompts, top, control, between, seed, dtype, folder) and of `Execution`

    Raises a ValueError before any model runs for a model whose weights are not there.

    >>> from pipelines import reproduce_reuse
    >>> found = reproduce_reuse("reference", prompts=16, top=2, control=False)
    >>> [entry["head"] for entry in found.tasks["ioi"]["path_stages"]["stages"][0]["heads"]]
    ['a3.h3', 'a3.h2']
    """
    return call(COMMAND, {"model": model, **settings}, progress=progress)
