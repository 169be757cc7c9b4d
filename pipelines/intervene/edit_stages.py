"""Stages of commands that edit heads: the check, and the measurement of variants on a slice of the prompts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from circuits.data.refused import RefusedPrompts
from circuits.metrics import METRICS
from pipelines.engine.result_file import Result
from pipelines.engine.stage import Inputs, LoadModel, Stage
from pipelines.runs.codec import join_prompts, prompts_from
from pipelines.runs.stage_inputs import slice_of

if TYPE_CHECKING:
    from circuits.data.prompts import PromptSet
    from circuits.edits import Edits
    from circuits.evaluation.edit_effects import EditValues
    from circuits.model.load import Model

TOGETHER, ALONE, RANDOM = "together", "alone", "random"


def edits_on(heads: Sequence[str], texts: Sequence[str]) -> Edits:
    """The same edits on each of the heads."""
    from circuits.edits import edit_from

    return {head: tuple(map(edit_from, texts)) for head in heads}


def check(settings: Mapping[str, Any], inputs: Inputs, model: LoadModel) -> Result:
    """Whether every edit can be done on every prompt, of the heads that are given or else of one in every layer.

    groups  roles of words: what heads attend to and say of them can be observed
    """
    from circuits.edits.check import checked
    from circuits.edits.downstream import require_observable

    loaded, prompts = model(), prompts_from(inputs["prompts"][0])
    heads = settings["heads"] or [f"a{layer}.h0" for layer in range(loaded.wiring.n_layers)]
    checked(loaded, edits_on(heads, settings["edits"]), prompts)
    require_edited(settings, prompts)
    if "groups" in settings:
        require_observable(loaded, prompts, settings["groups"])
    return Result({"heads": heads})


def require_edited(settings: Mapping[str, Any], prompts: PromptSet) -> None:
    """Raise a ValueError where a prompt lacks what an edit names, or has none of its rows, and where it lacks the roles
    of words whose heads are observed."""
    from circuits.edits import edit_from
    from circuits.edits.check import require_places
    from circuits.edits.downstream import require_groups

    for text in settings["edits"]:
        every = enumerate(require_places(edit_from(text), prompts))
        if without := [number for number, places in every if not places.rows]:
            raise RefusedPrompts(
                f"{text!r} edits nothing here: {prompts.called(without[0])} has {len(prompts.prompts[without[0]])} "
                "tokens, and none is generated.",
                without,
            )
    if "groups" in settings:
        require_groups(prompts, settings["groups"])


def variants_of(loaded: Model, settings: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What is tried: the heads together, each alone, and for each of these other heads of the same layers."""
    sets = [(TOGETHER, tuple(settings["heads"]))]
    sets += [(ALONE, (head,)) for head in settings["heads"]] if len(settings["heads"]) > 1 else []
    return with_random(loaded, sets, settings)


def with_random(
    loaded: Model, sets: Sequence[tuple[str, tuple[str, ...]]], settings: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """Sets of heads, each followed by its random sets; `of` is the number of the set that these belong to."""
    from circuits.edits.controls import matched_sets

    variants: list[dict[str, Any]] = []
    for sort, heads in sets:
        number = len(variants)
        variants.append({"sort": sort, "heads": list(heads), "of": None})
        drawn = matched_sets(loaded.wiring, heads, n=settings["random"], seed=settings["seed"])
        variants += [{"sort": RANDOM, "heads": list(others), "of": number} for others in drawn]
    return variants


def measured(settings: Mapping[str, Any], inputs: Inputs, loaded: Model, variants: list[dict[str, Any]]) -> Result:
    """Arrays [variant, prompt] of a slice of the prompts, the plain model first; `variants` are those after it."""
    from circuits.evaluation.edit_effects import edit_values

    edits = [edits_on(variant["heads"], settings["edits"]) for variant in variants]
    values = edit_values(loaded, slice_of(settings, inputs), edits, metric=METRICS[settings["metric"]])
    return Result({"variants": variants}, values._asdict())


def measure(settings: Mapping[str, Any], inputs: Inputs, model: LoadModel) -> Result:
    """The plain model, the heads edited together and alone, and random heads, on a slice of the prompts."""
    loaded = model()
    return measured(settings, inputs, loaded, variants_of(loaded, settings))


def values_from(results: Sequence[Result]) -> EditValues:
    """The values of all slices."""
    from circuits.evaluation.edit_effects import EditValues

    return EditValues(*(np.asarray(join_prompts(results, name)) for name in EditValues._fields))


EDIT_CHECK = Stage("edit-check", 2, check, title="check edits", requires=require_edited)
EDITED = Stage("edited", 1, measure, title="edit heads")
