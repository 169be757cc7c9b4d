"""What the jobs of `circuits reads` compute."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from circuits.components import Component
from pipelines.engine.result_file import Result
from pipelines.engine.stage import Inputs, LoadModel, Stage
from pipelines.runs.codec import prompts_from
from pipelines.runs.stage_inputs import slice_of

if TYPE_CHECKING:
    from circuits.data.prompts import PromptSet
    from circuits.profiles.reads import Score


def check(settings: Mapping[str, Any], inputs: Inputs, model: LoadModel) -> Result:
    """Refuses heads and roles that are not there, and models whose scores cannot be split."""
    from circuits.profiles.reads import check_reads

    prompts = prompts_from(inputs["prompts"][0])
    model().check_prompts(prompts)
    check_reads(model(), prompts, _heads(settings), _score(settings))
    return Result({})


def require_score(settings: Mapping[str, Any], prompts: PromptSet) -> None:
    """Raise a ValueError where no prompt has one of the roles of the score."""
    _score(settings).check(prompts)


def split(settings: Mapping[str, Any], inputs: Inputs, model: LoadModel) -> Result:
    """The scores of a slice of the prompts, split; arrays of `ScoreParts` by the number of the head: `score0`."""
    from circuits.profiles.reads import score_parts

    results = score_parts(model(), slice_of(settings, inputs), _heads(settings), _score(settings))
    writers = [[str(writer) for writer in parts.writers] for parts in results]
    arrays = {
        f"{name}{number}": getattr(parts, name)
        for number, parts in enumerate(results)
        for name in parts._fields
        if name != "writers"
    }
    return Result({"writers": writers}, arrays)


def _heads(settings: Mapping[str, Any]) -> list[Component]:
    return [Component.parse(name) for name in settings["heads"]]


def _score(settings: Mapping[str, Any]) -> Score:
    from circuits.profiles.reads import Score

    return Score(*settings["score"])


CHECK = Stage("check-reads", 1, check, requires=require_score, title="check what can be read")
SPLIT = Stage("reads", 1, split, title="split scores")
