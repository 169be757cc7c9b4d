"""Annotations are read as COCO writes them; questions are true, drawn as in POPE, and the same for the same seed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from circuits.data.absent_objects import (
    INSTRUCTION,
    NEGATIVES,
    Frequencies,
    adversarial_absent,
    count_objects,
    popular_absent,
)
from circuits.data.coco import AnnotatedImage, Annotations, ObjectQuestion, object_questions, read_annotations
from circuits.data.regions import Box, Polygons, RunLengths
from tests.circuits.data.coco_files import TRIANGLE, instances, written

BOX = Box(1, 2, 3, 4)


def annotated(*images: str, categories: str = "abcd") -> Annotations:
    """Images that show the objects with these letters, each in a box; the first is 0.jpg."""
    return Annotations(
        tuple(categories),
        tuple(
            AnnotatedImage(f"{number}.jpg", 10, 10, dict.fromkeys(objects, (BOX,)))
            for number, objects in enumerate(images)
        ),
    )


# Annotations


def test_objects_are_kept_by_image_and_name_with_every_region(tmp_path: Path) -> None:
    annotations = read_annotations(written(tmp_path, instances()))
    assert annotations.categories == ("cat", "dog", "apple")
    crowd = RunLengths((200, 56), (16, 16))
    assert annotations.image("000000000003.jpg") == AnnotatedImage(
        "000000000003.jpg",
        width=16,
        height=16,
        objects={"dog": (Polygons((tuple(TRIANGLE[0]),)), crowd), "cat": (Box(5, 5, 2, 2),)},
    )


def test_an_object_without_segmentation_is_in_its_box(tmp_path: Path) -> None:
    annotations = read_annotations(written(tmp_path, instances()))
    assert annotations.image("000000000007.jpg").objects == {"dog": (BOX,)}
    assert annotations.image("000000000005.jpg").objects == {}


def test_a_polygon_without_area_leaves_the_other_polygons_or_the_box(tmp_path: Path) -> None:
    data = instances()
    data["annotations"][0]["segmentation"] = [[4, 4, 5, 5], *TRIANGLE]
    data["annotations"][1]["segmentation"] = [[4, 4, 5, 5]]
    annotations = read_annotations(written(tmp_path, data))
    assert annotations.image("000000000003.jpg").objects["dog"][0] == Polygons((tuple(TRIANGLE[0]),))
    assert annotations.image("000000000007.jpg").objects["dog"] == (BOX,)


@pytest.mark.parametrize(
    "name", ["000000000003.jpg", "COCO_val2014_000000000003.jpg", "COCO_train2014_000000000003.jpg"]
)
def test_an_image_is_found_by_either_of_its_names(tmp_path: Path, name: str) -> None:
    data = instances()
    assert read_annotations(written(tmp_path, data)).image(name).height == 16
    data["images"][1]["file_name"] = "COCO_val2014_000000000003.jpg"
    assert read_annotations(written(tmp_path, data)).image(name).height == 16


def test_an_unknown_image_is_refused_with_the_nearest_names(tmp_path: Path) -> None:
    annotations = read_annotations(written(tmp_path, instances()))
    with pytest.raises(ValueError, match=r"no image '00000000003.jpg' among the 3 .*Nearest: 000000000003.jpg"):
        annotations.image("00000000003.jpg")
    with pytest.raises(ValueError, match=r"no image 'x' among the 3 that are annotated. Give annotations of the set"):
        annotations.image("x")


@pytest.mark.parametrize(
    ("record", "change", "message"),
    [
        (("annotations", 1), {"image_id": 99}, "annotation 12: its image 99 is not among the 3 images listed"),
        (("annotations", 1), {"category_id": 1}, "annotation 12: its category 1 is not among the 3 categories listed"),
        (("annotations", 1), {"image_id": None}, "annotation 12: 'image_id' holds None, expected an id"),
        (("annotations", 1), {"bbox": [1, 2, 3]}, r"annotation 12: no region: found \[1, 2, 3\]"),
        (
            ("annotations", 1),
            {"segmentation": {"counts": "PYX1", "size": [10, 20]}},
            "annotation 12: the counts are a text: compressed run lengths are not read. Give polygons, a box",
        ),
        (("categories", 1), {"name": ""}, "category 2 has no name: 'name' holds ''"),
        (("categories", 1), {"id": 9}, "have the same id"),
        (("images", 0), {"id": 3}, "have the same id"),
        (("images", 0), {"id": [3]}, r"image: 'id' holds \[3\], expected an id"),
        (("images", 0), {"width": 0}, "image 7: 'width' holds 0, expected a number of pixels"),
        (("images", 0), {"file_name": None}, "image 7 has no name: 'file_name' holds None"),
        (
            ("images", 0),
            {"file_name": "COCO_val2014_000000000003.jpg"},
            "'COCO_val2014_000000000003.jpg' and '000000000003.jpg' are one image of COCO: list each image once",
        ),
    ],
)
def test_a_bad_record_is_refused_with_its_id_and_the_file(
    tmp_path: Path, record: tuple[str, int], change: dict[str, Any], message: str
) -> None:
    data = instances()
    data[record[0]][record[1]] |= change
    path = written(tmp_path, data)
    with pytest.raises(ValueError, match=f"{re.escape(str(path))}: .*{message}"):
        read_annotations(path)


def test_an_object_that_is_nowhere_is_refused(tmp_path: Path) -> None:
    data = instances()
    del data["annotations"][1]["bbox"]
    with pytest.raises(ValueError, match="annotation 12: neither 'segmentation' nor 'bbox' says where it is"):
        read_annotations(written(tmp_path, data))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("[" * 100_000, "nested too deeply. Give COCO's instances_"),
        ("{", "is not JSON: .*Give COCO's instances_"),
        ([], "found a list, expected the JSON object"),
        ({"images": [], "annotations": []}, r"'categories' missing; found \['annotations', 'images'\]. Give COCO's"),
        (instances() | {"images": {}}, "'images' holds no list of JSON objects"),
        (instances() | {"annotations": [3]}, "'annotations' holds no list of JSON objects"),
    ],
)
def test_another_file_is_refused_with_what_was_expected(tmp_path: Path, data: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_annotations(written(tmp_path, data))


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"cannot read the annotations .*none\.json"):
        read_annotations(tmp_path / "none.json")


def test_an_object_of_no_category_is_refused() -> None:
    with pytest.raises(ValueError, match=r"image '0.jpg': no category 'x'. Known: a, b, c, d"):
        annotated("ax")


# Frequencies and negatives


def test_frequencies_are_counted_over_all_images() -> None:
    frequencies = annotated("ab", "a", "abc", "").frequencies
    assert frequencies.alone.tolist() == [3 / 4, 2 / 4, 1 / 4, 0]
    assert (4 * frequencies.together).tolist() == [[0, 2, 1, 0], [2, 0, 1, 0], [1, 1, 0, 0], [0, 0, 0, 0]]


def test_presence_of_no_image_is_refused() -> None:
    with pytest.raises(ValueError, match=r"shape \(0, 3\), expected \[image, object\]"):
        count_objects(np.zeros((0, 3)))


def test_ties_are_ranked_by_index() -> None:
    frequencies = Frequencies(np.asarray([0.1, 0.5, 0.1, 0.5]), np.zeros((4, 4)))
    assert popular_absent([], 4, frequencies) == (1, 3, 0, 2)
    assert adversarial_absent([2], 4, frequencies) == (0, 1, 3)


# Alone: d 5, c 4, b 3, a 2. With a: b twice, c once. With a and b together: c once and once, d once.
RANKED = ("ab", "abc", "bd", "cd", "cd", "cd", "d")


def asked(negatives: str, image: str) -> str:
    """The absent object that is asked about in one image."""
    _, negative = object_questions(annotated(*RANKED), n=1, seed=0, negatives=negatives, images=[image])
    assert (negative.image, negative.negative, negative.is_present) == (image, negatives, False)
    return negative.object_name


def test_the_popular_negative_is_the_most_frequent_absent_object() -> None:
    assert [asked("popular", image) for image in ("0.jpg", "2.jpg", "3.jpg")] == ["d", "c", "b"]


def test_the_adversarial_negative_is_the_absent_object_that_occurs_most_often_with_those_present() -> None:
    # With a and b: c 1 + 1, d 0 + 1. With b and d: a 2 + 0, c 1 + 3. With c and d: a 1 + 0, b 1 + 1. With d: c 3, b 1.
    assert [asked("adversarial", image) for image in ("0.jpg", "2.jpg", "3.jpg", "6.jpg")] == ["c", "c", "b", "c"]


def test_random_negatives_are_all_absent_objects_equally_often() -> None:
    annotations = annotated(*["a"] * 600)
    questions = object_questions(annotations, n=600, seed=0, negatives="random")
    names = [question.object_name for question in questions if not question.is_present]
    # Three absent objects, 200 times each: four standard errors are 46.
    assert all(abs(names.count(name) - 200) < 46 for name in "bcd")


# Questions


def test_a_question_has_the_wording_of_pope_and_the_instruction() -> None:
    present, absent = object_questions(annotated("a"), n=1, seed=0, negatives="popular")
    assert present == ObjectQuestion(
        "0.jpg",
        "a",
        "Is there an a in the image? Please answer this question with one word (Yes or No).",
        is_present=True,
        regions=(BOX,),
        size=(10, 10),
    )
    assert absent == ObjectQuestion("0.jpg", "b", f"Is there a b in the image? {INSTRUCTION}", False, (), "popular")
    assert [question.answer for question in (present, absent)] == ["Yes", "No"]


shown = st.lists(st.sets(st.sampled_from("abcd")).map("".join), min_size=1, max_size=8)


@given(shown, st.integers(0, 99), st.sampled_from([*NEGATIVES, None]))
def test_questions_are_true_and_each_image_is_asked_about_once(
    images: list[str], seed: int, negatives: str | None
) -> None:
    usable = [number for number, objects in enumerate(images) if objects and (len(objects) < 4 or negatives is None)]
    if usable:
        questions = object_questions(annotated(*images), n=len(usable), seed=seed, negatives=negatives)
        for question in questions:
            assert question.is_present == (question.object_name in images[int(question.image[0])])
            assert question.regions == ((BOX,) if question.is_present else ())
        present = [question for question in questions if question.is_present]
        assert sorted(int(question.image[0]) for question in present) == usable
        pairs = [] if negatives is None else zip(questions[::2], questions[1::2], strict=True)
        assert all(one.is_present and not other.is_present and one.image == other.image for one, other in pairs)


@pytest.mark.parametrize("negatives", [*NEGATIVES, None])
def test_the_first_of_many_questions_are_those_of_fewer(negatives: str | None) -> None:
    annotations = annotated(*RANKED)
    many = object_questions(annotations, n=7, seed=3, negatives=negatives)
    for n in range(1, 7):
        few = object_questions(annotations, n=n, seed=3, negatives=negatives)
        assert few == many[: len(few)]
        assert len(few) == n * (1 if negatives is None else 2)


def test_the_same_seed_gives_the_same_questions_and_another_seed_others() -> None:
    annotations = annotated(*["abc", "bcd"] * 10)
    first, again, other = (object_questions(annotations, n=9, seed=seed, negatives="random") for seed in (0, 0, 1))
    assert first == again != other


def test_every_sort_of_negatives_has_the_same_present_objects() -> None:
    annotations = annotated(*["abc", "bcd", "a"] * 10)
    drawn = {
        tuple(q for q in object_questions(annotations, n=9, seed=0, negatives=negatives) if q.is_present)
        for negatives in [*NEGATIVES, None]
    }
    assert len(drawn) == 1


def test_the_order_of_the_file_does_not_change_what_is_drawn() -> None:
    annotations = annotated(*RANKED)
    other = Annotations(annotations.categories, annotations.images[::-1])
    one, same = (object_questions(source, n=5, seed=0, negatives="random") for source in (annotations, other))
    assert one == same


def test_only_the_given_images_are_drawn_and_keep_their_given_names() -> None:
    given_names = {"COCO_val2014_2.jpg", "4.jpg", "not annotated.jpg"}
    questions = object_questions(annotated(*RANKED), n=2, seed=0, negatives=None, images=given_names)
    assert {question.image for question in questions} == {"COCO_val2014_2.jpg", "4.jpg"}


def test_either_name_of_an_image_gives_the_same_questions() -> None:
    annotations = annotated(*RANKED)
    names = [image.file_name for image in annotations.images]
    longer = [f"COCO_val2014_{name}" for name in names]
    one, other = (object_questions(annotations, n=5, seed=0, negatives="random", images=s) for s in (names, longer))
    assert [question.text for question in one] == [question.text for question in other]


def test_fewer_images_than_asked_for_are_refused_with_how_many_there_are() -> None:
    # Two of four: one image shows nothing, and one everything.
    with pytest.raises(
        ValueError, match=r"about 3 images, but 2 are annotated with .* one that is absent, of 4 images"
    ):
        object_questions(annotated("ab", "", "abcd", "d"), n=3, seed=0, negatives="random")


def test_without_negatives_an_image_of_every_object_is_asked_about() -> None:
    assert len(object_questions(annotated("ab", "", "abcd", "d"), n=3, seed=0, negatives=None)) == 3


@pytest.mark.parametrize(
    ("n", "negatives", "message"),
    [
        (
            1,
            "populer",
            r"no sort of negatives 'populer'. Known: adversarial, popular, random. Did you mean 'popular'\?",
        ),
        (0, None, "about 0 images: ask for at least 1"),
    ],
)
def test_what_cannot_be_drawn_is_refused(n: int, negatives: str | None, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        object_questions(annotated("a"), n=n, seed=0, negatives=negatives)
