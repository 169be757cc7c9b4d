"""COCO objects: is there a dog in the image? On real images with annotations in COCO's format."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import ClassVar

import numpy as np

from circuits.citations import LI_2025
from circuits.data.coco import Annotations, ObjectQuestion, object_questions, read_annotations, usable_images
from circuits.data.image_prompts import ImageQuestion
from circuits.data.images import SUFFIXES
from circuits.data.question_files import with_pictures
from circuits.tasks.image_base import ImageTask, Negatives


@dataclass(frozen=True)
class CocoObjects(ImageTask):
    """Questions about annotated objects of the images in a folder.

    images       the folder
    annotations  COCO's instances_*.json, or a file in its format
    """

    name = "coco-objects"
    cites = (LI_2025,)
    summary = "is there a dog in the image? Yes, on your images with COCO's annotations (--images, --annotations)"
    corruptions: ClassVar[Mapping[str, str]] = {"other-image": "another image, without such an object"}

    images: Path | None = None
    annotations: Path | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.images is None or self.annotations is None:
            raise ValueError(
                f"task {self.name!r} asks about your images: give their folder and their annotations (--images DIR "
                "--annotations instances.json)."
            )

    @property
    def object_names(self) -> tuple[str, ...]:
        assert self.annotations is not None
        return _annotations(self.annotations).categories

    def questions(self, *, n: int, seed: int = 0, negatives: Negatives | None = None) -> list[ImageQuestion]:
        assert self.images is not None
        assert self.annotations is not None
        drawn = self.chosen(n=n, seed=seed, negatives=negatives)
        return with_objects(with_pictures(drawn, self.images), _annotations(self.annotations))

    @property
    def n_images(self) -> int:
        """How many images can be asked about; no image file is opened."""
        assert self.images is not None
        assert self.annotations is not None
        return len(usable_images(_annotations(self.annotations), image_names(self.images), None))

    def chosen(self, *, n: int, seed: int = 0, negatives: Negatives | None = None) -> list[ObjectQuestion]:
        """The questions without their images; no image file is opened."""
        assert self.images is not None
        assert self.annotations is not None
        annotations, files = _annotations(self.annotations), image_names(self.images)
        n_images = n if negatives is None else (n + 1) // 2
        questions = object_questions(annotations, n=n_images, seed=seed, negatives=negatives, images=files)[:n]
        others = np.random.default_rng([seed, 1])
        return [
            replace(question, corrupt_image=_without(question.object_name, annotations, files, others))
            if question.is_present
            else question
            for question in questions
        ]


def image_names(folder: Path) -> list[str]:
    """The image files of a folder, in alphabetical order. ValueError where there are none."""
    if not folder.is_dir():
        raise ValueError(f"no folder {folder}: give the folder that holds the images.")
    names = sorted(path.name for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
    if not names:
        raise ValueError(f"{folder} holds no images ({', '.join(SUFFIXES)}).")
    return names


def _annotations(path: Path) -> Annotations:
    return _read(str(path), path.stat().st_mtime_ns if path.exists() else 0)


@lru_cache(maxsize=2)
def _read(path: str, _modified: int) -> Annotations:
    # Those of COCO take many seconds to read.
    return read_annotations(Path(path))


def with_objects(questions: Sequence[ImageQuestion], annotations: Annotations) -> list[ImageQuestion]:
    """The questions, with all objects that the annotations list in their images."""
    return [
        replace(question, objects=tuple(annotations.image(question.source).objects))
        if question.source in annotations
        else question
        for question in questions
    ]


def _without(name: str, annotations: Annotations, files: Sequence[str], generator: np.random.Generator) -> str | None:
    """An image that shows no such object; None where all do."""
    for index in generator.permutation(len(files)):
        file = files[int(index)]
        if file in annotations and name not in annotations.image(file).objects:
            return file
    return None
