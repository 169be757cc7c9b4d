"""What the stages of a concept compute: the vectors of both halves of the prompts, and what they do to the others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from circuits.metrics import METRICS
from pipelines.engine.result_file import Result
from pipelines.engine.stage import Inputs, LoadModel, Stage
from pipelines.runs.codec import prompts_from
from pipelines.runs.stage_inputs import slice_of

if TYPE_CHECKING:
    from circuits.arrays import Floats
    from circuits.data.prompts import PromptSet
    from circuits.edits.concept import AtLayer

HALVES = (0, 1)  # prompts of even and of odd number
SETS = ("concept", "baseline")
"""The inputs with the prompts that have the concept, and those without it."""


def fit(settings: Mapping[str, Any], inputs: Inputs, model: LoadModel) -> Result:
    """`vector` [half, d_model], from the prompts of that half; of two other sets of prompts, the same one twice.

    stream_norm  mean norm of the judged prompts' stream where vectors are added
    cosine       of the two halves' vectors; None where there is one vector
    shared       how many judged prompts are also among those that make the vector that they are judged with
    """
    from circuits.evaluation.concept_curve import Streams, concept_vector, streams_of

    loaded, judged = model(), prompts_from(inputs["prompts"][0])
    read, at = _rows(settings, "read"), _rows(settings, "at")
    sets = {name: prompts_from(inputs[name][0]) for name in SETS if name in inputs}
    at.check(loaded, judged)
    for own in sets.values() or [judged]:
        read.check(loaded, own)
    where = f"{settings['read']} before layer {settings['layer']}"
    if sets:
        require_others(settings, {"prompts": judged, **sets})
        vectors = [concept_vector(*(streams_of(loaded, own, read) for own in sets.values()), described=where)] * 2
    else:
        sides = [streams_of(loaded, judged, read, side=side) for side in ("clean", "corrupt")]
        halves = [[Streams(*(array[half::2] for array in side)) for side in sides] for half in HALVES]
        vectors = [concept_vector(*half, described=where) for half in halves]
    meta = {
        "stream_norm": float(streams_of(loaded, judged, at).norm.mean()),
        "cosine": None if sets else _cosine(*vectors),
        "shared": 0 if sets else _n_shared(judged),
    }
    return Result(meta, {"vector": np.stack(vectors)})


def require_read_rows(settings: Mapping[str, Any], prompts: PromptSet) -> None:
    """Raise a ValueError where one of the prompts that make the vector has no row that it is read at."""
    _rows(settings, "read").check_rows(prompts)


def require_judged_rows(settings: Mapping[str, Any], prompts: PromptSet) -> None:
    """Raise a ValueError where one of the prompts that judge has no row that the vector is added at."""
    _rows(settings, "at").check_rows(prompts)


def _rows(settings: Mapping[str, Any], name: str) -> AtLayer:
    from circuits.edits.concept import AtLayer

    return AtLayer(settings["layer"], settings[name])


def judge(settings: Mapping[str, Any], inputs: Inputs, model: LoadModel) -> Result:
    """A slice of the prompts, each with the vector of the half that it is not in.

    Arrays [variant, prompt] of `EditValues`: the plain model, each strength, then each strength of each random vector.
    `variants` has [strength, number of the random vector or None].
    """
    from circuits.evaluation.concept_curve import concept_values

    prompts, at = slice_of(settings, inputs), _rows(settings, "at")
    variants, values = variants_of(settings), {}
    for own, added in _by_half(settings, inputs, len(prompts)):
        found = concept_values(model(), prompts[own[0] :: 2], at, added, metric=METRICS[settings["metric"]])._asdict()
        for name, array in found.items():
            values.setdefault(name, np.zeros((len(array), len(prompts)), array.dtype))[:, own] = array
    return Result({"variants": [list(variant) for variant in variants]}, values)


def check_room(settings: Mapping[str, Any], inputs: Inputs, model: LoadModel) -> Result:
    """Whether the model can take what is generated after each prompt; nothing is run."""
    from circuits.model.continuations import require_room

    require_room(model(), prompts_from(inputs["prompts"][0]), settings["generate"])
    return Result({})


def generate(settings: Mapping[str, Any], inputs: Inputs, model: LoadModel) -> Result:
    """What follows the prompts of a slice, `tokens` [variant, token, prompt] of the same variants, the plain one first.

    texts  for each prompt of the slice: `prompt`, and `texts`, of the plain model and of the vector at each strength
    """
    from circuits.edits.concept import concept_added
    from circuits.model.continuations import continuations

    prompts, at, loaded = slice_of(settings, inputs), _rows(settings, "at"), model()
    variants, n_tokens = variants_of(settings), settings["generate"]
    said = np.zeros((1 + len(variants), n_tokens, len(prompts)), dtype=np.int64)
    said[0] = continuations(loaded, prompts, n_tokens).T
    for own, added in _by_half(settings, inputs, len(prompts)):
        of_half = prompts[own[0] :: 2]
        for number, vector in enumerate(added, start=1):
            with concept_added(loaded, at, vector, of_half):
                said[number][:, own] = continuations(loaded, of_half, n_tokens).T
    named = {"plain": 0} | {f"{s:g}": n for n, (s, draw) in enumerate(variants, start=1) if draw is None}
    tokenizer: Any = loaded.tokenizer
    decode = str if tokenizer is None else tokenizer.decode
    texts = [
        {
            "prompt": decode(list(prompt.clean)),
            "texts": {name: decode(said[at_variant, :, number].tolist()) for name, at_variant in named.items()},
        }
        for number, prompt in enumerate(prompts)
    ]
    return Result({"variants": [list(variant) for variant in variants], "texts": texts}, {"tokens": said})


def variants_of(settings: Mapping[str, Any]) -> list[tuple[float, int | None]]:
    """Each strength, then each strength of each random vector, by its number; nothing of any vector is nothing."""
    draws: list[int | None] = [None, *range(settings["random"])]
    return [(strength, draw) for draw in draws for strength in settings["strengths"] if strength or draw is None]


def _by_half(settings: Mapping[str, Any], inputs: Inputs, n_prompts: int) -> Iterator[tuple[list[int], list[Floats]]]:
    """The prompts of a slice that are in one half, and what is added to them: vectors of the other half, by variant."""
    from circuits.evaluation.concept_curve import drawn_vector

    for half in HALVES:
        own = [number for number in range(n_prompts) if (settings["slice"][0] + number) % 2 == half]
        if not own:
            continue
        vector: Floats = inputs["fitted"][0].arrays["vector"][1 - half]
        known: dict[int | None, Floats] = {None: vector}
        for draw in range(settings["random"]):
            known[draw] = drawn_vector(vector, np.random.default_rng([settings["seed"], draw]))
        yield own, [strength * known[draw] for strength, draw in variants_of(settings)]


def require_others(settings: Mapping[str, Any], prompts: Mapping[str, PromptSet]) -> None:
    """Raise a ValueError where a judged prompt is one of those that make the vector; of sets that are known."""
    if (judged := prompts.get("prompts")) is None:
        return
    making = {prompt.clean for name in SETS if name in prompts for prompt in prompts[name]}
    if known := [number for number, prompt in enumerate(judged) if prompt.clean in making]:
        raise ValueError(
            f"{len(known)} of the {len(judged)} prompts, such as {judged.called(known[0])}, are also among those that "
            "make the vector: it is judged on prompts that did not make it. Take other ones, such as another --seed."
        )


def _n_shared(judged: PromptSet) -> int:
    """How many prompts have the same tokens as one of the other half, clean or corrupt."""
    halves = [{ids for prompt in judged[half::2] for ids in (prompt.clean, prompt.corrupt)} for half in HALVES]
    return sum(prompt.clean in halves[1 - number % 2] for number, prompt in enumerate(judged))


def _cosine(one: Floats, other: Floats) -> float:
    return float(one @ other / (np.linalg.norm(one) * np.linalg.norm(other)))


FIT = Stage("concept-vector", 1, fit, title="make vectors", requires=require_read_rows)
# The vector is read in other prompts, and the judged ones need no such row.
FIT_OF_SETS = replace(FIT, asks_of=SETS, requires_together=require_others)
JUDGE = Stage("concept-judge", 1, judge, title="judge strengths", requires=require_judged_rows)
ROOM = Stage("concept-room", 1, check_room, title="check room")
GENERATE = Stage("concept-generate", 1, generate, title="generate")
