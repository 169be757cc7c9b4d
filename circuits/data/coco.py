"""Questions about real images: COCO's annotations, and questions drawn from them.

Annotations are a COCO `instances_*.json`: which objects are in each image, and where. A question is whether an object
is in an image; of an object that is present it holds the regions. Negatives are drawn as `circuits.data.absent_objects`
has it, with frequencies counted over all images of the annotations.

The same image is called `COCO_val2014_000000310196.jpg` in COCO 2014 and in POPE, and `000000310196.jpg` in COCO 2017;
either name finds it.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from circuits.cached import cached_property
from circuits.data.absent_objects import (
    NEGATIVES,
    POPULAR,
    RANDOM,
    Frequencies,
    adversarial_absent,
    count_objects,
    instructed,
    is_there,
    popular_absent,
    random_absent,
)
from circuits.data.regions import Region, region_from_json
from circuits.files import read_text, unreadable
from circuits.lookup import unknown
from circuits.strict_json import kind_of

_LISTS = ("images", "annotations", "categories")


@dataclass(frozen=True)
class AnnotatedImage:
    """One image: its file, its size in pixels, and the regions of every object in it, by the object's name."""

    file_name: str
    width: int
    height: int
    objects: Mapping[str, tuple[Region, ...]]


@dataclass(frozen=True, eq=False)
class Annotations:
    """The objects of images.

    categories  the names of all objects that are annotated; an image without one of them does not show it
    images      in the order of the file
    """

    categories: tuple[str, ...]
    images: tuple[AnnotatedImage, ...]

    def __post_init__(self) -> None:
        seen: dict[str, str] = {}
        known = set(self.categories)
        for image in self.images:
            short = _short(image.file_name)
            if short in seen:
                raise ValueError(
                    f"{seen[short]!r} and {image.file_name!r} are one image of COCO: list each image once."
                )
            seen[short] = image.file_name
            if extra := sorted(image.objects.keys() - known):
                raise ValueError(f"image {image.file_name!r}: {unknown(extra[0], known, 'category')}")

    @cached_property
    def _by_name(self) -> dict[str, AnnotatedImage]:
        return {_short(image.file_name): image for image in self.images}

    def __contains__(self, file_name: str) -> bool:
        return _short(file_name) in self._by_name

    def image(self, file_name: str) -> AnnotatedImage:
        """The image of a file. ValueError, with the nearest names, where it is not annotated."""
        if file_name in self:
            return self._by_name[_short(file_name)]
        nearest = difflib.get_close_matches(file_name, [image.file_name for image in self.images], n=3)
        hint = f" Nearest: {', '.join(nearest)}." if nearest else ""
        raise ValueError(
            f"no image {file_name!r} among the {len(self.images)} that are annotated.{hint} Give annotations of the "
            "set that the image is from."
        )

    @cached_property
    def frequencies(self) -> Frequencies:
        """How often objects occur, alone and together, over all images, in the order of `categories`."""
        number = {name: number for number, name in enumerate(self.categories)}
        present = np.zeros((len(self.images), len(self.categories)))
        for row, image in zip(present, self.images, strict=True):
            row[[number[name] for name in image.objects]] = 1
        return count_objects(present)


@dataclass(frozen=True)
class ObjectQuestion:
    """Whether an object is in an image.

    image        file name, as the caller gives it
    object_name  name of a category
    text         the question with its instruction
    regions      where the object is; empty where it is absent, or where the regions are not known
    negative     how an absent object was drawn, one of `NEGATIVES`; None where it is present, or this is not known
    corrupt_image  file name of an image for which the answer is the opposite; None without one
    size         (height, width) of the image that the regions are for; None where it is not known
    """

    image: str
    object_name: str
    text: str
    is_present: bool
    regions: tuple[Region, ...] = ()
    negative: str | None = None
    corrupt_image: str | None = None
    size: tuple[int, int] | None = None

    @property
    def answer(self) -> str:
        """The right answer."""
        return "Yes" if self.is_present else "No"


def read_annotations(path: Path) -> Annotations:
    """The annotations of a COCO `instances_*.json`.

    An object's region is its segmentation, or its box where it has none. Polygons of fewer than three points have no
    area and are left out. ValueError, with the id of the annotation, where one is not in COCO's format; the whole file
    is read before anything is drawn from it.
    """
    try:
        data = json.loads(text_of(path, "annotations"))
    except json.JSONDecodeError as error:
        raise ValueError(f"{path} is not JSON: {error}. Give COCO's instances_*.json.") from None
    except RecursionError:
        raise ValueError(f"{path} is nested too deeply. Give COCO's instances_*.json.") from None
    try:
        return _annotations(data)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def object_questions(
    annotations: Annotations,
    *,
    n: int,
    seed: int,
    negatives: str | None,
    images: Collection[str] | None = None,
) -> tuple[ObjectQuestion, ...]:
    """Questions about `n` images: of each, one about an object that is present and one about an absent one.

    negatives  how absent objects are drawn, one of `NEGATIVES`; None asks about present ones only. Popular and
               adversarial take the highest-ranked absent object
    images     file names of the images to draw from, by default all that are annotated; a question names its image as
               it is named here. Those without annotations are passed over

    So there are `n` questions, or 2 `n`: the absent object follows the present one. Images without an object are not
    drawn, nor are those without an absent one where one is asked about. The same seed gives the same images and present
    objects for every sort of negatives, and the questions for a smaller `n` are the first ones of those for a larger.
    ValueError where there are fewer images.
    """
    if negatives is not None and negatives not in NEGATIVES:
        raise ValueError(unknown(str(negatives), NEGATIVES, "sort of negatives"))
    if n < 1:
        raise ValueError(f"asked for questions about {n} images: ask for at least 1.")
    usable = usable_images(annotations, images, negatives)
    if len(usable) < n:
        wanted = "an object" if negatives is None else "an object that is present and one that is absent"
        raise ValueError(
            f"asked for questions about {n} images, but {len(usable)} are annotated with {wanted}, of "
            f"{len(annotations.images if images is None else images)} images: ask for fewer, or give more images."
        )
    order, choice, drawing = np.random.default_rng(seed).spawn(3)
    questions: list[ObjectQuestion] = []
    for name in (usable[index] for index in order.permutation(len(usable))[:n]):
        image = annotations.image(name)
        present = sorted(image.objects)
        chosen = present[choice.integers(len(present))]
        size, regions = (image.height, image.width), image.objects[chosen]
        questions.append(ObjectQuestion(name, chosen, _text(chosen), is_present=True, regions=regions, size=size))
        if negatives is not None:
            other = _absent_object(annotations, image, negatives, drawing)
            questions.append(ObjectQuestion(name, other, _text(other), is_present=False, negative=negatives))
    return tuple(questions)


def usable_images(annotations: Annotations, images: Collection[str] | None, negatives: str | None) -> list[str]:
    """The images that can be asked about, in an order that depends on neither the file, nor that of a set, nor which of
    its two names an image goes by."""
    given = [image.file_name for image in annotations.images] if images is None else images
    names = dict(sorted((_short(name), name) for name in given if name in annotations))
    # Where nobody asks about an absent object, all objects of the annotations may be in the image.
    most = len(annotations.categories) - (negatives is not None)
    return [name for name in names.values() if 1 <= len(annotations.image(name).objects) <= most]


def _absent_object(
    annotations: Annotations, image: AnnotatedImage, negatives: str, generator: np.random.Generator
) -> str:
    names, frequencies = annotations.categories, annotations.frequencies
    present = [number for number, name in enumerate(names) if name in image.objects]
    if negatives == RANDOM:
        (number,) = random_absent(present, 1, len(names), generator)
    elif negatives == POPULAR:
        (number,) = popular_absent(present, 1, frequencies)
    else:
        (number,) = adversarial_absent(present, 1, frequencies)
    return names[number]


def _text(name: str) -> str:
    return instructed(is_there(name))


def _short(file_name: str) -> str:
    """A file name without the set that COCO 2014 writes before it."""
    return re.sub(r"^COCO_[a-z]+\d+_", "", file_name)


def _annotations(data: Any) -> Annotations:
    if not isinstance(data, dict):
        raise ValueError(f"found {kind_of(data)}, expected the JSON object of COCO's instances_*.json.")
    if missing := [key for key in _LISTS if key not in data]:
        raise ValueError(
            f"{', '.join(map(repr, missing))} missing; found {sorted(data)}. Give COCO's instances_*.json, which lists "
            "the objects of the images."
        )
    images, annotations, categories = (_records(data, key) for key in _LISTS)
    names = {_id(record, "id", "category"): _name(record, "name", "category") for record in categories}
    objects: dict[Any, dict[str, list[Region]]] = {_id(record, "id", "image"): {} for record in images}
    if len(objects) < len(images) or len(names) < len(categories):
        raise ValueError(f"some of the {len(images)} images or {len(categories)} categories have the same id.")
    for record in annotations:
        what = f"annotation {record.get('id')}"
        image, category = (_id(record, key, what) for key in ("image_id", "category_id"))
        if image not in objects:
            raise ValueError(f"{what}: its image {image!r} is not among the {len(objects)} images listed.")
        if category not in names:
            raise ValueError(f"{what}: its category {category!r} is not among the {len(names)} categories listed.")
        try:
            objects[image].setdefault(names[category], []).append(_region(record))
        except ValueError as error:
            raise ValueError(f"{what}: {error}") from None
    return Annotations(
        tuple(dict.fromkeys(names.values())),
        tuple(_image(record, objects[record["id"]]) for record in images),
    )


def _image(record: Mapping[str, Any], objects: Mapping[str, Sequence[Region]]) -> AnnotatedImage:
    what = f"image {record['id']}"
    for key in ("width", "height"):
        if not isinstance(record.get(key), int) or record[key] < 1:
            raise ValueError(f"{what}: {key!r} holds {record.get(key)!r}, expected a number of pixels.")
    regions = {name: tuple(outlines) for name, outlines in objects.items()}
    return AnnotatedImage(_name(record, "file_name", "image"), record["width"], record["height"], regions)


def _region(record: Mapping[str, Any]) -> Region:
    segmentation = record.get("segmentation")
    if isinstance(segmentation, list):
        segmentation = [part for part in segmentation if not isinstance(part, list) or len(part) >= 6]
    if not segmentation and "bbox" not in record:
        raise ValueError("neither 'segmentation' nor 'bbox' says where it is.")
    return region_from_json(segmentation or record["bbox"])


def _records(data: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
    records = data[key]
    if not isinstance(records, list) or not all(isinstance(record, dict) for record in records) or not records:
        raise ValueError(f"{key!r} holds no list of JSON objects, or an empty one. Give COCO's instances_*.json.")
    return records


def _id(record: Mapping[str, Any], key: str, what: str) -> int | str:
    value = record.get(key)
    if not isinstance(value, int | str):
        raise ValueError(f"{what}: {key!r} holds {value!r}, expected an id.")
    return value


def _name(record: Mapping[str, Any], key: str, what: str) -> str:
    value = record.get(key)
    if not isinstance(value, str) or not value:
        raise ValueError(f"{what} {record.get('id')} has no name: {key!r} holds {value!r}, expected a text.")
    return value


def text_of(path: Path, what: str) -> str:
    """The text of a file; `what` names it in errors."""
    try:
        return read_text(path, "utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(unreadable(path, error, f"the {what}")) from None
