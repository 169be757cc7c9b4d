"""Stages of commands that edit heads: the check, and the measurement of variants on a slice of the prompts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from circuits.metrics import METRICS
from pipelines.engine.result_file import Result
from pipelines.engine.stage import Inputs, LoadModel, Stage
from pipelines.runs.codec import join_prompts, prompts_from
from pipelines.runs.stage_inputs import slice_of

if TYPE_CHECKING:
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

    groups  roles of words that are looked at, which every prompt must have
    """
    from circuits.edits import edit_from
    from circuits.edits.check import checked
    from circuits.edits.downstream import require_tokens
    from circuits.edits.places import rows_within

    loaded, prompts = model(), prompts_from(inputs["prompts"][0])
    heads = settings["heads"] or [f"a{layer}.h0" for layer in range(loaded.wiring.n_layers)]
    checked(loaded, edits_on(heads, settings["edits"]), prompts)
    for text in settings["edits"]:
        rows = edit_from(text).rows
        for number, prompt in enumerate(prompts):
            if not rows_within(rows, prompt.roles, len(prompt)):
                raise ValueError(
                    f"{text!r} edits nothing here: {prompts.called(number)} has {len(prompt)} tokens, and none is "
                    "generated."
                )
    require_tokens(prompts, settings.get("groups", ()))
    return Result({"heads": heads})


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


EDIT_CHECK = Stage("edit-check", 2, check, title="check edits")
EDITED = Stage("edited", 1, measure, title="edit heads")
