"""Questions about whether an object is in an image, and absent objects to ask about, drawn in the three ways of POPE.

POPE (Li et al. 2023, arXiv 2305.10355) asks about absent objects that are *random*; *popular*, the most frequent ones
in the data; or *adversarial*, those that most often occur together with the objects that are present. Objects are
numbers here, counted from 0; callers give them names.

Where we differ: POPE's code ranks adversarial objects by how often they occur with the one present object that was
asked about before; here the counts are summed over all present objects, as the paper describes it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

INSTRUCTION = "Please answer this question with one word (Yes or No)."
RANDOM, POPULAR, ADVERSARIAL = NEGATIVES = ("random", "popular", "adversarial")


@dataclass(frozen=True, eq=False)
class Frequencies:
    """How often objects occur in images.

    alone     [object]          share of images with the object
    together  [object, object]  share of images with both; zero on the diagonal
    """

    alone: NDArray[np.float64]
    together: NDArray[np.float64]


def count_objects(present: ArrayLike) -> Frequencies:
    """Frequencies over images. `present` [image, object] is 1 where the object is in the image, and 0 elsewhere."""
    counted = np.asarray(present, dtype=np.float64)
    if counted.ndim != 2 or not len(counted):
        raise ValueError(f"presence has shape {counted.shape}, expected [image, object] with at least one image.")
    together = counted.T @ counted / len(counted)
    return Frequencies(np.diag(together).copy(), together - np.diag(np.diag(together)))


def is_there(name: object) -> str:
    """The question whether an object is in the image, without its instruction; "an" before a vowel, as in POPE."""
    article = "an" if str(name)[:1].lower() in "aeiou" else "a"
    return f"Is there {article} {name} in the image?"


def instructed(question: str) -> str:
    """A question with its instruction."""
    return f"{question} {INSTRUCTION}"


def random_absent(present: Sequence[int], n: int, n_objects: int, generator: np.random.Generator) -> tuple[int, ...]:
    """`n` different objects among the absent ones, of `n_objects` objects in all; fewer where fewer are absent."""
    absent = _absent(present, n_objects)
    return tuple(absent[index] for index in generator.permutation(len(absent))[:n])


def popular_absent(present: Sequence[int], n: int, frequencies: Frequencies) -> tuple[int, ...]:
    """The `n` absent objects that occur most often, the most frequent first; the lower number first among equals."""
    return _first(present, frequencies.alone, n)


def adversarial_absent(present: Sequence[int], n: int, frequencies: Frequencies) -> tuple[int, ...]:
    """The `n` absent objects that most often occur together with those present (summed over them), most frequent first;
    the lower number first among equals."""
    return _first(present, frequencies.together[list(present)].sum(axis=0), n)


def _absent(present: Sequence[int], n_objects: int) -> list[int]:
    return [number for number in range(n_objects) if number not in present]


def _first(present: Sequence[int], scores: NDArray[np.float64], n: int) -> tuple[int, ...]:
    return tuple(sorted(_absent(present, len(scores)), key=lambda number: -scores[number])[:n])
