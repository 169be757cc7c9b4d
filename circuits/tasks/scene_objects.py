"""Scene objects: is there a red circle in the image? On the scenes that the bundled vision-language model knows."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from circuits.citations import LI_2025
from circuits.data.image_prompts import ImageQuestion
from circuits.data.images import Picture
from circuits.data.scene_questions import (
    Frequencies,
    adversarial_negatives,
    count_kinds,
    popular_negatives,
    question_text,
    random_negatives,
)
from circuits.data.scenes import KINDS, MOST_OBJECTS, Kind, Scene, SceneObject, draw_scene, repainted
from circuits.tasks.image_base import ImageTask, Negatives

# Training seeds its generator with two numbers, so no seed here gives one of its scenes.
_STREAM = (41, 3001)


@dataclass(frozen=True)
class SceneObjects(ImageTask):
    """Questions about objects of generated scenes of one to four; the corrupt image lacks the object asked for."""

    name = "scene-objects"
    cites = (LI_2025,)
    summary = "is there a red circle in the image? Yes, on generated scenes (for models that read images)"
    corruptions: ClassVar[Mapping[str, str]] = {
        "replaced": "the same scene with another kind of object in the place of the one asked for",
        "removed": "the same scene without the object",
        "other-scene": "another scene, without such an object",
    }

    @property
    def object_names(self) -> tuple[str, ...]:
        return tuple(map(str, KINDS))

    def questions(self, *, n: int, seed: int = 0, negatives: Negatives | None = None) -> list[ImageQuestion]:
        generator = np.random.default_rng([seed, *_STREAM])
        frequencies = count_kinds() if negatives in ("popular", "adversarial") else None
        questions: list[ImageQuestion] = []
        for number in itertools.count():
            if len(questions) >= n:
                break
            scene = draw_scene(generator, int(generator.integers(1, MOST_OBJECTS + 1)))
            # Drawn in any case, so that questions about the same scenes differ in their negatives alone.
            one = scene.objects[int(generator.integers(len(scene.objects)))]
            absent = random_negatives(scene.kinds, 1, generator)[0]
            # From a generator of its own, so that corruptions differ in the corrupt image alone.
            corrupt = self._corrupt(scene, one, np.random.default_rng([seed, *_STREAM, number]))
            picture, source = Picture.from_pixels(scene.image), f"scene {number}"
            objects = tuple(map(str, scene.kinds))
            questions.append(
                ImageQuestion(
                    picture,
                    question_text(one.kind),
                    str(one.kind),
                    is_present=True,
                    mask=one.mask(),
                    corrupt_picture=Picture.from_pixels(corrupt.image),
                    source=source,
                    objects=objects,
                )
            )
            if negatives is not None:
                kind = _negative(negatives, scene, absent, frequencies)
                questions.append(
                    ImageQuestion(
                        picture,
                        question_text(kind),
                        str(kind),
                        is_present=False,
                        sort=negatives,
                        source=source,
                        objects=objects,
                    )
                )
        return questions[:n]

    def _corrupt(self, scene: Scene, one: SceneObject, generator: np.random.Generator) -> Scene:
        """A scene without objects of the kind asked for."""
        others = tuple(thing for thing in scene.objects if thing is not one)
        if self.corruption == "removed":
            return replace(scene, objects=others)
        if self.corruption == "replaced":
            absent = [kind for kind in KINDS if kind not in scene.kinds]
            kind = absent[int(generator.integers(len(absent)))]
            things = tuple(repainted(generator, one, kind) if thing is one else thing for thing in scene.objects)
            return replace(scene, objects=things)
        while True:
            other = draw_scene(generator, len(scene.objects))
            if one.kind not in other.kinds:
                return other


def _negative(sort: Negatives, scene: Scene, absent: Kind, frequencies: Frequencies | None) -> Kind:
    """The absent kind to ask for; `absent` is the random one."""
    if frequencies is None:
        return absent
    choose = popular_negatives if sort == "popular" else adversarial_negatives
    return choose(scene.kinds, 1, frequencies)[0]
