"""Question files are read as POPE writes them, with regions and images where they are known."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from circuits.data.absent_objects import INSTRUCTION
from circuits.data.coco import ObjectQuestion, read_annotations
from circuits.data.images import Picture
from circuits.data.prompt_files import BadPrompts
from circuits.data.question_files import is_question_file, read_questions, require_images, with_pictures, with_regions
from circuits.data.regions import Box
from tests.circuits.data.coco_files import instances, written


def pope_line(text: str = "Is there a snowboard in the image?", label: str = "yes", number: int = 3) -> str:
    image = f"COCO_val2014_{number:012}.jpg"
    return json.dumps({"question_id": 1, "image": image, "text": text, "label": label})


def pope_file(folder: Path, *lines: str) -> Path:
    path = folder / "coco_pope_random.json"
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


def test_questions_of_pope_are_read_with_their_object_and_the_instruction(tmp_path: Path) -> None:
    path = pope_file(tmp_path, pope_line(), "", pope_line("Is there an apple in the image?", "no"))
    image = "COCO_val2014_000000000003.jpg"
    assert read_questions(path) == (
        ObjectQuestion(image, "snowboard", f"Is there a snowboard in the image? {INSTRUCTION}", is_present=True),
        ObjectQuestion(image, "apple", f"Is there an apple in the image? {INSTRUCTION}", is_present=False),
    )


def test_all_bad_lines_of_pope_are_reported_at_once(tmp_path: Path) -> None:
    path = pope_file(
        tmp_path,
        pope_line(),
        "{",
        "[]",
        '{"image": "a.jpg"}',
        pope_line("Describe the image."),
        pope_line(label="maybe"),
        pope_line().replace("COCO_val2014_000000000003.jpg", ""),
        pope_line("Describe.", "maybe"),
    )
    with pytest.raises(BadPrompts) as caught:
        read_questions(path)
    assert [re.sub(r"not JSON.*", "not JSON", fault) for fault in caught.value.faults] == [
        "line 2: not JSON",
        "line 3: found a list, expected a JSON object.",
        "line 4: 'text', 'label' missing; found ['image'].",
        "line 5: 'text' holds 'Describe the image.', expected 'Is there a ... in the image?'; or give 'object', the "
        "name.",
        "line 6: 'label' holds 'maybe', expected 'yes' or 'no'.",
        "line 7: 'image' holds '', expected a file name.",
        "line 8: 'label' holds 'maybe', expected 'yes' or 'no'.",
        "line 8: 'text' holds 'Describe.', expected 'Is there a ... in the image?'; or give 'object', the name.",
    ]


def test_a_file_without_questions_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"holds no question. Give one JSON object a line, such as \{"):
        read_questions(pope_file(tmp_path, ""))
    with pytest.raises(ValueError, match="cannot read the questions"):
        read_questions(tmp_path / "none.json")


def test_present_objects_of_pope_get_the_regions_of_annotations_that_name_images_otherwise(tmp_path: Path) -> None:
    annotations = read_annotations(written(tmp_path, instances()))
    lines = (pope_line("Is there a cat in the image?"), pope_line("Is there a snowboard in the image?", "no"))
    present, absent = with_regions(read_questions(pope_file(tmp_path, *lines)), annotations)
    assert present.regions == (Box(5, 5, 2, 2),)
    assert present.image == "COCO_val2014_000000000003.jpg"
    assert absent.regions == ()


def test_all_objects_without_annotation_are_reported_at_once(tmp_path: Path) -> None:
    annotations = read_annotations(written(tmp_path, instances()))
    lines = (
        pope_line(),
        pope_line("Is there a dog in the image?"),
        pope_line("Is there a dog in the image?", number=4),
    )
    with pytest.raises(ValueError, match=r"^2 question\(s\) about present objects find no region among 3") as caught:
        with_regions(read_questions(pope_file(tmp_path, *lines)), annotations)
    assert str(caught.value).splitlines()[1:] == [
        "  COCO_val2014_000000000003.jpg: no 'snowboard' in it",
        "  COCO_val2014_000000000004.jpg: not annotated",
    ]


def test_of_many_objects_without_annotation_the_first_are_listed_and_the_others_counted(tmp_path: Path) -> None:
    annotations = read_annotations(written(tmp_path, instances()))
    questions = read_questions(pope_file(tmp_path, *(pope_line(number=number) for number in range(100, 130))))
    with pytest.raises(ValueError, match=r"30 question\(s\)[^$]*and 10 more$"):
        with_regions(questions, annotations)


def test_a_line_may_say_where_the_object_is_what_it_is_called_and_what_corrupts_it(tmp_path: Path) -> None:
    line = {"image": "a.png", "text": "Do you see the red cup?", "label": "yes", "object": "red cup"}
    path = pope_file(tmp_path, json.dumps(line | {"region": [1, 2, 3, 4], "corrupt_image": "b.png"}))
    (question,) = read_questions(path)
    assert (question.object_name, question.text, question.regions) == ("red cup", line["text"], (Box(1, 2, 3, 4),))
    assert question.corrupt_image == "b.png"
    assert with_regions([question], read_annotations(written(tmp_path, instances()))) == (question,)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"object": "dog"}, "expected a name that stands in the question"),
        ({"label": "no", "region": [1, 2, 3, 4]}, "'label' that it is not there"),
        ({"corrupt_image": 3}, "'corrupt_image' holds 3, expected a file name"),
        ({"region": [1, 2]}, "line 1: "),
        ({"text": 5}, "'text' holds 5, expected a question"),
    ],
)
def test_what_a_line_says_must_fit_together(tmp_path: Path, changes: dict[str, object], message: str) -> None:
    line = {"image": "a.png", "text": "Do you see the red cup?", "label": "yes", "object": "red cup"} | changes
    with pytest.raises(BadPrompts, match=message):
        read_questions(pope_file(tmp_path, json.dumps(line)))


def test_files_of_questions_are_told_from_files_of_prompts() -> None:
    assert is_question_file(f"\n{pope_line()}\n".encode())
    assert not is_question_file(b'{"clean": "a", "corrupt": "b", "answers": ["c"]}')
    assert not is_question_file(b"no json")
    assert not is_question_file(b"")


def test_questions_get_their_images_and_masks(tmp_path: Path) -> None:
    pixels = np.zeros((6, 8, 3), dtype=np.uint8)
    pixels[2:4, 1:3] = 255
    (tmp_path / "a.png").write_bytes(Picture.from_pixels(pixels).data or b"")
    asked = ObjectQuestion("a.png", "cup", "Is there a cup in the image?", True, (Box(1, 2, 2, 2),))
    (question,) = with_pictures([asked], tmp_path)
    assert np.array_equal(question.mask, pixels[:, :, 0] > 0)
    assert np.array_equal(question.picture.pixels(), pixels)
    assert question.source == "a.png"


def test_a_region_outside_of_its_image_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(Picture.from_pixels(np.zeros((6, 8, 3), dtype=np.uint8)).data or b"")
    asked = ObjectQuestion("a.png", "cup", "Is there a cup in the image?", True, (Box(20, 20, 2, 2),))
    with pytest.raises(ValueError, match=r"a.png, 'cup': "):
        with_pictures([asked], tmp_path)


# Files


def test_missing_images_are_counted_and_the_first_ones_named(tmp_path: Path) -> None:
    (tmp_path / "2.jpg").touch()
    names = [f"{number}.jpg" for number in range(9)]
    with pytest.raises(
        ValueError, match=r"8 of 9 images are missing from .*: 0.jpg, 1.jpg, 3.jpg, 4.jpg, 5.jpg, and 3 "
    ):
        require_images(tmp_path, [*names, *names])
    require_images(tmp_path, ["2.jpg"])


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"no folder .*none: give the folder that holds the images"):
        require_images(tmp_path / "none", ["2.jpg"])
