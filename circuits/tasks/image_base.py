"""What all tasks with images share: questions about present and absent objects."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from circuits.data.image_prompts import ImageQuestion, image_prompts
from circuits.data.prompts import Prompt, PromptSet
from circuits.tasks.base import AnyTask

if TYPE_CHECKING:
    from circuits.data.image_processor import Vision

Negatives = Literal["random", "popular", "adversarial"]
_FIRST = 32


@dataclass(frozen=True)
class ImageTask(AnyTask):
    """Questions about images, for models that read them."""

    @abstractmethod
    def questions(self, *, n: int, seed: int = 0, negatives: Negatives | None = None) -> list[ImageQuestion]:
        """`n` questions; the same seed gives the same ones, and the first ones of a larger set.

        negatives  how absent objects are chosen, as in POPE: then every second question is about one. By default all
                   objects are present
        """

    @property
    @abstractmethod
    def object_names(self) -> tuple[str, ...]:
        """Everything that may be asked about."""

    def build(self, vision: Vision, *, n: int, seed: int = 0) -> PromptSet:
        """Prompts of `n` questions about present objects, for a model's own processor."""
        if n < 1:
            raise ValueError(f"task {self.name!r}: asked for {n} prompts; ask for at least 1.")
        return image_prompts(self.name, self.questions(n=n, seed=seed), vision)

    def drawn(self, vision: Vision, *, seed: int = 0, at_most: int) -> Iterator[Prompt]:
        """The prompts of a seed in their order, a few at a time: no more are built than are taken, or about twice that.

        at_most  how many questions there are
        """
        n_before, n = 0, min(_FIRST, at_most)
        while n > n_before:
            questions = self.questions(n=n, seed=seed)[n_before:]
            yield from image_prompts(self.name, questions, vision)
            n_before, n = n, min(2 * n, at_most)
