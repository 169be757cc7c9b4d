"""Features, autoencoders and codes as plain values and arrays, so that they can be kept between stages."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from circuits.arrays import Bools, Floats
from circuits.head_codes.counting import as_coo
from circuits.head_codes.settings import Coding, Recipe
from circuits.result import Result

if TYPE_CHECKING:
    import sparse

    from circuits.head_codes.autoencoders import Autoencoders
    from circuits.head_codes.counting import Codes
    from circuits.model.load import Model


class StoredFeatures(NamedTuple):
    """Pooled z [prompt, head, d_head] of all positives, then all negatives, and [prompt] what is known about them.

    is_correct  as in `StoredCodes`
    """

    z: Floats
    is_positive: Bools
    is_correct: Bools | None


class StoredCodes(NamedTuple):
    """Codes [trial, prompt, head] of all positives, then all negatives, and [prompt] what is known about them.

    is_correct  of positives, whether an answer is above every wrong answer; of negatives, whether the answer that they
                should not have is the most likely token. None if the model predicts a single number
    """

    codes: Codes
    is_positive: Bools
    is_correct: Bools | None

    def as_coo(self, trial: int = 0) -> sparse.COO:
        """One trial's codes as a sparse array [prompt, head, code]."""
        return as_coo(self.codes[trial])

    @property
    def arrays(self) -> dict[str, Any]:
        """All that is known, by name; `codes_from` reads it back."""
        return {name: array for name, array in self._asdict().items() if array is not None}


def features_from(results: Sequence[Result]) -> StoredFeatures:
    """The features of all slices."""

    def joined(name: str) -> list[Any]:
        sides = (f"{name}_positive", f"{name}_negative")
        return [result.arrays[side] for side in sides for result in results if side in result.arrays]

    z, is_correct = np.concatenate(joined("z")), joined("is_correct")
    n_positive = sum(len(result.arrays["z_positive"]) for result in results)
    return StoredFeatures(z, np.arange(len(z)) < n_positive, np.concatenate(is_correct) if is_correct else None)


def codes_from(results: Sequence[Result]) -> StoredCodes:
    """The codes of all trials."""
    first = results[0].arrays
    codes = np.concatenate([result.arrays["codes"] for result in results])
    return StoredCodes(codes, first["is_positive"], first.get("is_correct"))


def autoencoders_from(result: Result, model: Callable[[], Model]) -> Autoencoders:
    """Autoencoders from their arrays, on the model's device."""
    import torch

    from circuits.head_codes.autoencoders import Autoencoders

    device = model().forward.device
    weights = {name: torch.from_numpy(array).to(device) for name, array in result.arrays.items()}
    return Autoencoders(**weights, top_k=result.meta["top_k"])


def autoencoders_result(autoencoders: Autoencoders, **meta: Any) -> Result:
    """Autoencoders as arrays."""
    weights = {name: weight.cpu().numpy() for name, weight in autoencoders.weights.items()}
    return Result({"top_k": autoencoders.top_k, **meta}, weights)


def coding_of(settings: Mapping[str, Any]) -> Coding:
    """How a stage's codes are made, from its settings."""
    return Coding(**{**settings["coding"], "recipe": Recipe(**settings["coding"]["recipe"])})
