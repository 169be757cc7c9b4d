"""`circuits intervene iri`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Unpack

from pipelines.command import Command, call
from pipelines.intervene.files import files
from pipelines.intervene.paper import papers
from pipelines.intervene.plan import plan
from pipelines.intervene.report import Intervention, report
from pipelines.intervene.settings import IriSettings
from pipelines.intervene.table import print_intervention
from pipelines.runs.run import Run
from pipelines.runs.signature import takes_settings

if TYPE_CHECKING:
    from pipelines.keywords import InterveneKeywords

COMMAND = Command("intervene iri", IriSettings, plan, report, files, print_intervention, papers)


@takes_settings(IriSettings)
def intervene(
    run: Run | str | Path, *, progress: bool | None = None, **settings: Unpack[InterveneKeywords]
) -> Intervention:
    """Inject early layers' outputs into later ones at the last token (IRI), chosen by a trace, and measure the effect.

    run       a causal trace: its folder, or its name within the store `out`
    settings  fields of `IriSettings` (questions, validation, k1, k2, lambda_attention, lambda_mlp, captions, repeats,
              folder, ...) and of `Execution` (out, workers, scheduler, gpus, device)

    Computes only what the store lacks. Raises a ValueError before any model runs if the run is not a trace, or did
    not trace attention and MLP outputs at the last token.

    >>> from pipelines import intervene, trace
    >>> run = trace("scene-objects", model="reference-vlm", prompts=2, settings={"kinds": ["attention", "mlp"]})
    >>> result = intervene(run, questions=2, validation=2, lambda_attention=0.1, lambda_mlp=0.1, random=1)
    >>> [row["variant"] for row in result.rows if row["negatives"] == "random"]
    ['plain', 'iri', 'all-layers', 'random-0', 'vhr']
    """
    return call(COMMAND, {"run": run, **settings}, progress=progress)
