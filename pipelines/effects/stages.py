"""What the jobs of `circuits effects` compute."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

import numpy as np

from circuits.metrics import METRICS
from circuits.scores import ComponentScores
from pipelines.engine.result_file import Result
from pipelines.engine.stage import Inputs, LoadModel, Stage
from pipelines.runs.codec import prompts_from
from pipelines.runs.method_settings import make_method
from pipelines.runs.stage_inputs import ablation_of, slice_of

if TYPE_CHECKING:
    from circuits.data.prompts import PromptSet
    from circuits.model.load import Model


def measure(settings: Mapping[str, Any], inputs: Inputs, model: LoadModel) -> Result:
    """Effects at END of a slice of the prompts, and what parts write and attend to there.

    Arrays [prompt, part] `direct` and `total` of the heads and MLPs that `parts` names, and `writes` unless
    `no_writes` says why there is none; with options, [prompt, option, head] `attention` and [prompt, head] `recent`.
    """
    from circuits.profiles import Attention, Recent, measure_profiles

    prompts, ablation = slice_of(settings, inputs), ablation_of(settings, inputs, model)
    metric, at_end = METRICS[settings["metric"]], _of_end(prompts, getattr(ablation, "at", None))
    direct, total = (
        make_method(method["name"], method["settings"]).score(model(), at_end, metric=metric, ablation=ablation)
        for method in settings["methods"]
    )
    assert isinstance(direct, ComponentScores)
    assert isinstance(total, ComponentScores)
    assert direct.components == total.components
    arrays = {"direct": direct.at("END").per_prompt[:, 0], "total": total.at("END").per_prompt[:, 0]}
    about: dict[str, Any] = {"parts": [str(part) for part in direct.components]}
    reason, options = _why_no_writes(model(), prompts), options_in(prompts_from(inputs["prompts"][0]), settings)
    about |= {"no_writes": reason, "options": options}
    profiles = [] if not options else [*(Attention(to=option) for option in options), Recent()]
    own = [] if reason is not None else [_writes()]
    if profiles or own:
        places = {profile: profile.places(prompts) for profile in (*profiles, *own)}
        scores = measure_profiles(model(), prompts, [*profiles, *own], places=places)
        if own:
            written = scores.pop()
            at = [written.components.index(part) for part in direct.components]
            arrays["writes"] = written.per_prompt[:, 0, at]
        if profiles:
            arrays["recent"] = scores.pop().per_prompt[:, 0]
            arrays["attention"] = np.stack([of.per_prompt[:, 0] for of in scores], axis=1)
    return Result(about, arrays)


def options_in(prompts: PromptSet, settings: Mapping[str, Any]) -> list[str]:
    """The roles of options that every prompt has, where one of them is the correct one; none of other prompts."""
    options = [
        role
        for role in prompts.prompts[0].roles
        if role != settings["correct"] and fnmatchcase(role, settings["options"])
    ]
    has_all = all(settings["correct"] in prompt.roles and {*options} <= {*prompt.roles} for prompt in prompts)
    return options if has_all else []


def _of_end(prompts: PromptSet, kept: str | None) -> PromptSet:
    """The prompts with END alone, and the role that an ablation needs."""
    trimmed = (
        replace(prompt, roles={role: at for role, at in prompt.roles.items() if role == kept}) for prompt in prompts
    )
    return replace(prompts, prompts=tuple(trimmed))


def _writes() -> Any:
    from circuits.profiles import DirectLogitAttribution

    return DirectLogitAttribution()


def _why_no_writes(model: Model, prompts: PromptSet) -> str | None:
    """Why parts of the logit difference do not add up, or None."""
    try:
        _writes().check(prompts)
        _writes().check_model(model)
    except ValueError as error:
        return str(error)
    return None


EFFECTS = Stage("effects", 1, measure)
