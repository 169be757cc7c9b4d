"""`circuits influence`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Unpack

from pipelines.command import Command, call
from pipelines.influence.files import files
from pipelines.influence.plan import plan
from pipelines.influence.report import InfluenceReport, report
from pipelines.influence.settings import InfluenceSettings
from pipelines.influence.table import print_influence
from pipelines.runs.signature import takes_settings

if TYPE_CHECKING:
    from pipelines.keywords import InfluenceKeywords

COMMAND = Command("influence", InfluenceSettings, plan, report, files, print_influence)


@takes_settings(InfluenceSettings)
def influence(
    texts: str | Path, *, progress: bool | None = None, **settings: Unpack[InfluenceKeywords]
) -> InfluenceReport:
    """Which texts use some heads, or a circuit: how much more is lost on each once they are masked.

    texts     a file of texts
    settings  fields of `InfluenceSettings` (model, heads or circuit, edit, random, tokens, ...) and of `Execution`

    Computes only what the store lacks. Raises a ValueError before any text is run where one cannot be read, and for
    heads, profiles and runs that are not there. Cost: a forward pass of the texts, and one more for what is masked and
    for every random set; profiled heads take one pass of their prompts.

    >>> from pathlib import Path
    >>> from pipelines import influence
    >>> twice, once = "Mary and John were near the store , " * 2, "Susan gave a drink to the garden near the station"
    >>> _ = Path("texts.txt").write_text(f"{twice}\\n\\n{once}")
    >>> rows = influence("texts.txt", heads="induction:4", random=2).rows
    >>> [row["text"] for row in rows], rows[0]["influence"] > rows[1]["influence"]
    (['1', '2'], True)
    """
    return call(COMMAND, {"texts": texts, **settings}, progress=progress)
