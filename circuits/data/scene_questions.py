"""Questions about scenes with their answers, and captions: "Is there a red circle in the image? ..." Yes or No.

The negatives are drawn in the three ways of POPE, as `circuits.data.absent_objects` has them: *random* among all absent
kinds; *popular*, the absent kinds that are most frequent in the data; *adversarial*, the absent kinds that most often
occur together with those present. Frequencies are counted on the scene generator, the only data there is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from circuits.data import absent_objects as absent
from circuits.data.scenes import KINDS, MOST_OBJECTS, Kind, draw_kinds

CAPTION_REQUEST = "Describe the image."
INSTRUCTION, NEGATIVES = absent.INSTRUCTION, absent.NEGATIVES
Frequencies = absent.Frequencies  # of the 36 kinds, in the order of `KINDS`

_NUMBER = {kind: number for number, kind in enumerate(KINDS)}


@dataclass(frozen=True)
class Question:
    """Whether an object of a kind is in a scene."""

    kind: Kind
    is_present: bool

    @property
    def text(self) -> str:
        """The question with its instruction."""
        return question_text(self.kind)

    @property
    def answer(self) -> str:
        """The right answer."""
        return "Yes" if self.is_present else "No"


@cache
def count_kinds(n_scenes: int = 20_000, seed: int = 0) -> Frequencies:
    """Frequencies over scenes of one to four objects, all counts equally often; the first call takes about a second."""
    generator = np.random.default_rng(seed)
    present = np.zeros((n_scenes, len(KINDS)))
    for row, n_objects in zip(present, generator.integers(1, MOST_OBJECTS + 1, n_scenes), strict=True):
        row[[_NUMBER[kind] for kind in draw_kinds(generator, n_objects)]] = 1
    return absent.count_objects(present)


def short_question(kind: Kind) -> str:
    """The question without its instruction."""
    return absent.is_there(kind)


def shape_question(shape: str) -> str:
    """A question about the shape alone."""
    return absent.is_there(shape)


def question_text(kind: Kind) -> str:
    """The question with its instruction."""
    return absent.instructed(short_question(kind))


def caption(kinds: Sequence[Kind]) -> str:
    """The objects in the order given."""
    return ", ".join(f"a {kind}" for kind in kinds) + "."


def random_negatives(present: Sequence[Kind], n: int, generator: np.random.Generator) -> tuple[Kind, ...]:
    """`n` different kinds among the absent ones."""
    return _kinds(absent.random_absent(_numbers(present), n, len(KINDS), generator))


def similar_negatives(present: Sequence[Kind], n: int, generator: np.random.Generator) -> tuple[Kind, ...]:
    """`n` different kinds among the absent ones that have the color or the shape of an object that is present."""
    colors, shapes = {kind.color for kind in present}, {kind.shape for kind in present}
    alike = [kind for kind in KINDS if kind.color in colors or kind.shape in shapes]
    similar = [kind for kind in alike if kind not in present]
    return tuple(similar[index] for index in generator.permutation(len(similar))[:n])


def popular_negatives(present: Sequence[Kind], n: int, frequencies: Frequencies) -> tuple[Kind, ...]:
    """The `n` absent kinds that occur most often, the most frequent first."""
    return _kinds(absent.popular_absent(_numbers(present), n, frequencies))


def adversarial_negatives(present: Sequence[Kind], n: int, frequencies: Frequencies) -> tuple[Kind, ...]:
    """The `n` absent kinds that most often occur with those present (summed over them), most frequent first."""
    return _kinds(absent.adversarial_absent(_numbers(present), n, frequencies))


def _numbers(kinds: Sequence[Kind]) -> list[int]:
    return [_NUMBER[kind] for kind in kinds]


def _kinds(numbers: Sequence[int]) -> tuple[Kind, ...]:
    return tuple(KINDS[number] for number in numbers)
