"""What the stages of a rank curve compute: directions on each half of the prompts, and runs on the other half."""

from __future__ import annotations

from collections.abc import Mapping
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
    from circuits.edits.projection import Projected, Subspaces

HALVES = (0, 1)  # prompts of even and of odd number


def fit(settings: Mapping[str, Any], inputs: Inputs, model: LoadModel) -> Result:
    """The directions of each half, a basis of everything, and how much the first of them hold of the other half.

    Arrays by half and number of the place (layer, head, side): `mean0.0` [d_head], `basis0.0` [d_head, d_head], and
    `variance` [half, place, rank].
    """
    from circuits.evaluation.rank_curve import fitted, kept_variance, vectors_of

    asked, prompts = _asked(settings), prompts_from(inputs["prompts"][0])
    found, arrays = vectors_of(model(), prompts, asked), {}
    ranks = _known_ranks(settings, found[asked.places[0]].values.shape[1])
    variance = np.zeros((len(HALVES), len(found), len(ranks)))
    for number, (place, vectors) in enumerate(found.items()):
        sides = [vectors.values[vectors.prompts % 2 == half] for half in HALVES]
        for half in HALVES:
            if len(sides[half]) <= max(rank for rank in ranks if rank < vectors.values.shape[1]):
                raise ValueError(
                    f"{max(ranks)} directions are asked for, and each half of the prompts has {len(sides[half])} of "
                    f"the {place[2]} vectors of a{place[0]}.h{place[1]}: give more prompts, or smaller --ranks."
                )
            mean, basis = fitted(sides[half])
            arrays |= {f"mean{half}.{number}": mean, f"basis{half}.{number}": basis}
            variance[half, number] = [kept_variance(sides[1 - half], mean, basis, rank) for rank in ranks]
    return Result({"ranks": ranks}, arrays | {"variance": variance})


def judge(settings: Mapping[str, Any], inputs: Inputs, model: LoadModel) -> Result:
    """A slice of the prompts, each with the directions of the half that it is not in.

    Arrays [variant, prompt] of `EditValues`: the plain model, each rank, then for each rank the random directions.
    `variants` has [rank, number of the draw or None].
    """
    from circuits.evaluation.rank_curve import rank_values

    fitted, prompts, asked = inputs["fitted"][0], slice_of(settings, inputs), _asked(settings)
    variants = _variants(fitted.meta["ranks"], settings["random"], _d_head(fitted))
    first, values = settings["slice"][0], None
    for half in HALVES:
        own = [number for number in range(len(prompts)) if (first + number) % 2 == half]
        if not own:
            continue
        given = [
            (_subspaces(fitted, asked, 1 - half, None if draw is None else [settings["seed"], draw]), rank)
            for rank, draw in variants
        ]
        chosen = prompts[own[0] :: 2]
        found = rank_values(model(), chosen, asked, given, metric=METRICS[settings["metric"]])._asdict()
        if values is None:
            values = {name: np.zeros((len(array), len(prompts)), array.dtype) for name, array in found.items()}
        for name, array in found.items():
            values[name][:, own] = array
    return Result({"variants": [list(variant) for variant in variants]}, values or {})


def _known_ranks(settings: Mapping[str, Any], d_head: int) -> list[int]:
    """The ranks asked for, with 0, which all are compared with, and d_head, which changes nothing."""
    if wrong := [rank for rank in settings["ranks"] if rank > d_head]:
        raise ValueError(f"{wrong[0]} directions are asked for; a head of this model has {d_head}.")
    default = settings["default_ranks"] if not settings["ranks"] else settings["ranks"]
    return sorted({0, d_head, *(rank for rank in default if rank < d_head)})


def _variants(ranks: list[int], n_random: int, d_head: int) -> list[tuple[int, int | None]]:
    """Each rank with the fitted directions, then with random ones, which of all or none are no others."""
    drawn = [(rank, draw) for rank in ranks if 0 < rank < d_head for draw in range(n_random)]
    return [*((rank, None) for rank in ranks), *drawn]


def _d_head(fitted: Result) -> int:
    return len(fitted.arrays["mean0.0"])


def _subspaces(fitted: Result, asked: Projected, half: int, seed: list[int] | None) -> Subspaces:
    """The subspaces of a half; with a seed, random directions around the same means."""
    import torch

    from circuits.edits.projection import Subspace
    from circuits.evaluation.rank_curve import drawn_basis

    generator, found = None if seed is None else np.random.default_rng(seed), {}
    for number, place in enumerate(asked.places):
        mean: Floats = fitted.arrays[f"mean{half}.{number}"]
        basis = fitted.arrays[f"basis{half}.{number}"] if generator is None else drawn_basis(len(mean), generator)
        found[place] = Subspace(torch.from_numpy(mean), torch.from_numpy(np.ascontiguousarray(basis)))
    return found


def _asked(settings: Mapping[str, Any]) -> Projected:
    from circuits.edits.projection import Projected

    return Projected(tuple(settings["heads"]), settings["query"], settings["key"], tuple(settings["sides"]))


def require_places(settings: Mapping[str, Any], prompts: PromptSet) -> None:
    """Raise a ValueError where a prompt lacks the role of the queries or of the keys."""
    _asked(settings).check_places(prompts)


FIT = Stage("rank-fit", 1, fit, title="find directions", requires=require_places)
JUDGE = Stage("rank-judge", 1, judge, title="judge directions")
