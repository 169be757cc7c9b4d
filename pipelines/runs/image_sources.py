"""Questions about images as the source of prompts: their digests before a model is loaded, and reading them in a job.

Content enters a job's key, its location does not: a digest of the question file or the annotations, and of every image
that is asked about.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from circuits.data.absent_objects import NEGATIVES
from circuits.data.coco import ObjectQuestion, read_annotations
from circuits.data.image_prompts import ImageQuestion
from circuits.data.question_files import image_files, read_questions, require_images, with_pictures, with_regions
from circuits.files import read_bytes, unreadable
from circuits.tasks import IMAGE_TASKS
from circuits.tasks.coco_objects import CocoObjects, with_objects
from circuits.tasks.image_base import ImageTask
from pipelines.runs.task_settings import make_task


def image_task(settings: Mapping[str, Any]) -> ImageTask:
    """The task of a job that draws questions. ValueError if its images have changed since it was planned."""
    task = IMAGE_TASKS[settings["task"]]
    paths = {name: Path(settings[f"{name}_at"]) for name in ("images", "annotations") if f"{name}_at" in settings}
    made = make_task(task, settings.get("task_settings", {}), corruption=settings["corruption"], **paths)
    if isinstance(made, CocoObjects):
        n, negatives = settings.get("n_images", settings["n"]), settings.get("negatives")
        source = coco_source(made, n=n, seed=settings["seed"], negatives=negatives)
        _require_unchanged(settings, source)
    return made


def read_questions_in(path: Path, images: Path, annotations: Path | None) -> list[ObjectQuestion]:
    """All questions of a file, with regions if annotations are given. ValueError for missing images."""
    questions: Sequence[ObjectQuestion] = read_questions(path)
    require_images(images, image_files(questions))
    return list(questions if annotations is None else with_regions(questions, read_annotations(annotations)))


def asked(settings: Mapping[str, Any]) -> list[ImageQuestion]:
    """The questions about present objects of a job that reads a question file."""
    annotations = settings.get("annotations_at")
    images = Path(settings["images_at"])
    questions = read_questions_in(Path(settings["path"]), images, None if annotations is None else Path(annotations))
    chosen = [question for question in questions if question.is_present][: settings["n"]]
    _require_unchanged(settings, {"images": digest_of_images(images, chosen)})
    return with_pictures(chosen, images)


def _require_unchanged(settings: Mapping[str, Any], digests: Mapping[str, str]) -> None:
    for name, digest in digests.items():
        if settings[name] != digest:
            raise ValueError(
                f"the {name} at {settings[f'{name}_at']} have changed since this run was planned. Run the command "
                "again."
            )


def halves(questions: Sequence[ObjectQuestion], is_first: bool) -> list[ObjectQuestion]:
    """The questions about the first half of the images, or those about the second half."""
    names = list(dict.fromkeys(question.image for question in questions))
    first = set(names[: len(names) // 2])
    return [question for question in questions if (question.image in first) is is_first]


def split_questions(settings: Mapping[str, Any], *, is_first: bool) -> tuple[list[ImageQuestion], tuple[str, ...]]:
    """The questions, about present and absent objects, on half the images of a file, with all known objects; and the
    names of all that are annotated, none without annotations.
    """
    annotations = None if (path := settings.get("annotations_at")) is None else read_annotations(Path(path))
    images = Path(settings["images_at"])
    questions: Sequence[ObjectQuestion] = halves(read_questions_in(Path(settings["path"]), images, None), is_first)
    _require_unchanged(settings, {"images": digest_of_images(images, questions)})
    pictured = with_pictures(questions if annotations is None else with_regions(questions, annotations), images)
    return (pictured, ()) if annotations is None else (with_objects(pictured, annotations), annotations.categories)


def digest_of_images(folder: Path, questions: Sequence[ObjectQuestion]) -> str:
    """Hash of the images that are asked about, by content and name."""
    digest = hashlib.sha256()
    for name in image_files(questions):
        digest.update(f"{name}\n".encode() + hashlib.sha256(read_bytes(folder / name)).digest())
    return digest.hexdigest()


def digest_of_file(path: Path, what: str) -> str:
    """Hash of a file. ValueError if it cannot be read."""
    try:
        return hashlib.sha256(read_bytes(path)).hexdigest()
    except OSError as error:
        raise ValueError(unreadable(path, error, f"the {what}")) from None


def coco_source(task: CocoObjects, *, n: int, seed: int, negatives: str | None = None) -> dict[str, Any]:
    """What determines the questions of a task on annotated images."""
    assert task.images is not None
    assert task.annotations is not None
    assert negatives is None or negatives in NEGATIVES
    drawn = task.chosen(n=n, seed=seed, negatives=negatives)  # pyright: ignore[reportArgumentType]
    return {
        "annotations": digest_of_file(task.annotations, "annotations"),
        "images": digest_of_images(task.images, drawn),
    }
