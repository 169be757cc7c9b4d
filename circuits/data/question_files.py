"""Question files: one JSON object a line, in the format of POPE, with regions where they are known.

    {"image": "COCO_val2014_000000310196.jpg", "text": "Is there a snowboard in the image?", "label": "yes"}

Images are files of one folder. Beyond POPE a line may hold "region" (COCO's box, polygons or run lengths of an object
that is present), "object" (its name, where the text is not "Is there a ... in the image?") and "corrupt_image" (an
image of the folder for which the answer is the opposite). Other keys, such as POPE's "question_id", are left alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from circuits.data.absent_objects import instructed
from circuits.data.coco import Annotations, ObjectQuestion, text_of
from circuits.data.faults import Faults, faults_of
from circuits.data.image_prompts import ImageQuestion
from circuits.data.images import Picture
from circuits.data.json_lines import parse_object
from circuits.data.prompt_files import BadPrompts
from circuits.data.regions import Region, region_from_json, region_mask
from circuits.lookup import not_one_of

_SHOWN = 20
_POPE_TEXT = re.compile(r"Is there an? (.+?) in the image\?")
_EXAMPLE = '{"image": "COCO_val2014_000000310196.jpg", "text": "Is there a snowboard in the image?", "label": "yes"}'


def is_question_file(data: bytes) -> bool:
    """Whether the first line of a file of these bytes asks about an image."""
    first = next((line for line in data.splitlines() if line.strip()), b"")
    try:
        record = parse_object(first)
    except ValueError:
        return False
    return {"image", "text", "label"} <= record.keys()


def read_questions(path: Path) -> tuple[ObjectQuestion, ...]:
    """The questions of a file; those in POPE's wording get its one-word instruction.

    The file does not say how absent objects were drawn. Raises `BadPrompts` with every bad line.
    """
    questions, faults = [], []
    for number, line in enumerate(text_of(path, "questions").split("\n"), start=1):
        if not line.strip():
            continue
        try:
            questions.append(_question(line))
        except ValueError as error:
            faults += [(number, fault) for fault in faults_of(error)]
    if faults:
        raise BadPrompts(str(path), faults)
    if not questions:
        raise ValueError(f"{path} holds no question. Give one JSON object a line, such as {_EXAMPLE}.")
    return tuple(questions)


def with_regions(questions: Sequence[ObjectQuestion], annotations: Annotations) -> tuple[ObjectQuestion, ...]:
    """The questions with the regions of the objects that are present; those about absent objects, and those that have
    regions, are unchanged.

    ValueError that lists every image and object that the annotations lack.
    """
    located, faults = [], []
    for question in questions:
        if not question.is_present or question.regions:
            located.append(question)
        elif question.image not in annotations:
            faults.append(f"{question.image}: not annotated")
        elif regions := annotations.image(question.image).objects.get(question.object_name):
            image = annotations.image(question.image)
            located.append(replace(question, regions=regions, size=(image.height, image.width)))
        else:
            faults.append(f"{question.image}: no {question.object_name!r} in it")
    if faults:
        raise ValueError(
            f"{len(faults)} question(s) about present objects find no region among {len(annotations.images)} annotated "
            f"images. Give annotations of the set that the images are from.\n{_listed(faults)}"
        )
    return tuple(located)


def require_images(folder: Path, names: Iterable[str]) -> None:
    """ValueError, with how many and the first ones, where files are missing from a folder; nothing is opened."""
    if not folder.is_dir():
        raise ValueError(f"no folder {folder}: give the folder that holds the images.")
    wanted = tuple(dict.fromkeys(names))
    if missing := [name for name in wanted if not (folder / name).is_file()]:
        more = f", and {len(missing) - 5} more" if len(missing) > 5 else ""
        raise ValueError(
            f"{len(missing)} of {len(wanted)} images are missing from {folder}: {', '.join(missing[:5])}{more}. Give "
            "the folder that holds them, or leave out the questions about them."
        )


def with_pictures(questions: Sequence[ObjectQuestion], folder: Path) -> list[ImageQuestion]:
    """The questions with their images, read from a folder. ValueError where some are missing or cannot be read."""
    require_images(folder, image_files(questions))
    image_questions = []
    for question in questions:
        picture = Picture.from_file(folder / question.image)
        corrupt = None if question.corrupt_image is None else Picture.from_file(folder / question.corrupt_image)
        mask = None
        if question.regions:
            height, width = picture.pixels().shape[:2]
            if question.size is not None and question.size != (height, width):
                raise ValueError(
                    f"{question.image}: annotated at {question.size[1]} x {question.size[0]} pixels, and the file has "
                    f"{width} x {height}. Give the images that the annotations were made for."
                )
            try:
                mask = region_mask(question.regions, (height, width))
            except ValueError as error:
                raise ValueError(f"{question.image}, {question.object_name!r}: {error}") from None
        image_questions.append(
            ImageQuestion(
                picture,
                question.text,
                question.object_name,
                is_present=question.is_present,
                mask=mask,
                corrupt_picture=corrupt,
                sort=question.negative,
                source=question.image,
            )
        )
    return image_questions


def image_files(questions: Iterable[ObjectQuestion]) -> list[str]:
    """Every image that is asked about or corrupts another, once."""
    names = (name for question in questions for name in (question.image, question.corrupt_image) if name is not None)
    return list(dict.fromkeys(names))


def _question(line: str) -> ObjectQuestion:
    """A question. ValueError with all that is wrong with it."""
    record, faults = parse_object(line), Faults()
    if missing := [key for key in ("image", "text", "label") if key not in record]:
        faults.add(f"{', '.join(map(repr, missing))} missing; found {sorted(record)}.")
    image, label, corrupt_image = record.get("image", "-"), record.get("label", "yes"), record.get("corrupt_image")
    if not isinstance(image, str) or not image:
        faults.add(f"'image' holds {image!r}, expected a file name.")
    if label not in ("yes", "no"):
        faults.add(not_one_of("label", label, {"yes": "", "no": ""}))
    if corrupt_image is not None and not isinstance(corrupt_image, str):
        faults.add(f"'corrupt_image' holds {corrupt_image!r}, expected a file name.")
    named = faults.in_call(_asked, record) if "text" in record else None
    regions = faults.in_call(_regions, record)
    faults.raise_any()
    name, asked = named or ("", "")
    return ObjectQuestion(
        image, name, asked, is_present=label == "yes", regions=regions or (), corrupt_image=corrupt_image
    )


def _asked(record: Mapping[str, Any]) -> tuple[str, str]:
    """The object's name, and the question."""
    text, name = record["text"], record.get("object")
    if not isinstance(text, str) or not text:
        raise ValueError(f"'text' holds {text!r}, expected a question.")
    asked = _POPE_TEXT.fullmatch(text)
    if name is not None:
        if not isinstance(name, str) or name not in text:
            raise ValueError(f"'object' holds {name!r}, expected a name that stands in the question {text!r}.")
        return name, instructed(text) if asked else text
    if asked is None:
        raise ValueError(f"'text' holds {text!r}, expected 'Is there a ... in the image?'; or give 'object', the name.")
    return asked[1], instructed(text)


def _regions(record: Mapping[str, Any]) -> tuple[Region, ...]:
    if record.get("region") is None:
        return ()
    if record.get("label") == "no":
        raise ValueError("'region' says where the object is, and 'label' that it is not there.")
    return (region_from_json(record["region"]),)


def _listed(faults: Sequence[str]) -> str:
    different = tuple(dict.fromkeys(faults))
    more = [f"... and {len(different) - _SHOWN} more"] if len(different) > _SHOWN else []
    return "\n".join(f"  {fault}" for fault in [*different[:_SHOWN], *more])
