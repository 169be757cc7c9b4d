"""Questions about images as prompts: categories that partition the tokens, and scenes that match their questions."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from circuits.data.image_processor import Vision
from circuits.data.image_prompts import CATEGORIES, TEXTUAL, VISUAL, ImageQuestion, image_prompt, image_prompts
from circuits.data.images import Picture
from circuits.data.prompts import END, Prompt
from circuits.data.scene_questions import NEGATIVES, question_text
from circuits.data.scenes import KINDS, Kind
from circuits.evaluation.faithfulness import measure_baseline
from circuits.metrics import METRICS
from circuits.tasks import IMAGE_TASKS
from circuits.tasks.scene_objects import SceneObjects
from tests.bundled import bundled
from tests.circuits.vision_models import IMAGE_TOKEN, N_PATCHES, make_processor, random_picture, tiny_vlm

IMAGE_FIRST = 3  # <s> USER :
N_WORDS = 22
"""What stands after the image: `Is there a ... ? Please answer ... ( Yes or No ) .`; then `ASSISTANT :` ends it."""


@pytest.fixture(scope="module")
def reference() -> Any:
    return bundled("reference-vlm")


def vision(**settings_: Any) -> Vision:
    import torch

    return Vision(make_processor(**settings_), IMAGE_TOKEN, device="cpu", dtype=torch.float32)


def asked(name: str = "red circle", **fields: Any) -> ImageQuestion:
    """A question about a picture of 16 x 16 pixels, in 4 x 4 patches."""
    question = ImageQuestion(random_picture(0), f"{question_text(KINDS[0])}", name, is_present=True)
    return replace(question, **fields)


def box(rows: slice, columns: slice) -> np.ndarray:
    mask = np.zeros((16, 16), dtype=bool)
    mask[rows, columns] = True
    return mask


def patches(prompt: Prompt, role: str) -> list[int]:
    """The positions of a role, counted from the image's first token."""
    return [position - IMAGE_FIRST for position in prompt.roles.get(role, ())]


# Categories


def test_the_categories_of_a_prompt_are_those_worked_out_by_hand():
    """The object covers patches 5 and 6 of 16: 7 stands beside it and is late, as is all that follows."""
    prompt = image_prompt(asked(mask=box(slice(4, 8), slice(4, 12))), vision())
    assert patches(prompt, "early-visual") == [0, 1, 2, 3, 4]
    assert patches(prompt, "object-visual") == [5, 6]
    assert patches(prompt, "late-visual") == [*range(7, 16)]
    text = IMAGE_FIRST + N_PATCHES
    assert prompt.roles["early-textual"] == (0, 1, 2, text, text + 1, text + 2)
    assert prompt.roles["textual-object"] == (text + 3, text + 4)
    assert prompt.roles["late-textual"] == tuple(range(text + 5, text + N_WORDS + 1))
    assert prompt.roles[END] == (len(prompt) - 1,) == (text + N_WORDS + 1,)


def test_patches_beside_and_between_parts_of_the_object_are_late():
    mask = box(slice(0, 4), slice(4, 8)) | box(slice(8, 12), slice(0, 4))
    prompt = image_prompt(asked(mask=mask), vision())
    assert patches(prompt, "early-visual") == [0]
    assert patches(prompt, "object-visual") == [1, 8]
    assert patches(prompt, "late-visual") == [2, 3, 4, 5, 6, 7, *range(9, 16)]


@given(
    top=st.integers(0, 15),
    left=st.integers(0, 15),
    height=st.integers(1, 16),
    width=st.integers(1, 16),
    strategy=st.sampled_from(["default", "full"]),
)
@settings(max_examples=60, deadline=None)
def test_the_categories_partition_the_tokens(top, left, height, width, strategy):
    prompt = image_prompt(
        asked(mask=box(slice(top, top + height), slice(left, left + width))), vision(strategy=strategy)
    )
    assert sorted(position for positions in prompt.roles.values() for position in positions) == list(range(len(prompt)))
    assert set(prompt.roles) <= set(CATEGORIES)
    first, stop = prompt.image_tokens or (0, 0)
    assert sorted(position for role in VISUAL for position in prompt.roles.get(role, ())) == list(range(first, stop))
    assert all(not first <= position < stop for role in TEXTUAL for position in prompt.roles[role])
    own = prompt.roles["object-visual"]
    assert max(prompt.roles.get("early-visual", (-1,))) < min(own)
    assert min(prompt.roles.get("late-visual", (len(prompt),))) > min(own)


@given(top=st.integers(0, 15), left=st.integers(0, 15), height=st.integers(1, 16), width=st.integers(1, 16))
@settings(max_examples=40, deadline=None)
def test_the_patches_of_a_box_are_those_of_which_it_covers_a_tenth(top, left, height, width):
    """At the size the model sees: counted pixel by pixel, without the processor."""
    mask = box(slice(top, top + height), slice(left, left + width))
    shares = [
        mask[4 * (patch // 4) : 4 * (patch // 4) + 4, 4 * (patch % 4) : 4 * (patch % 4) + 4].mean()
        for patch in range(N_PATCHES)
    ]
    own = [patch for patch, share in enumerate(shares) if share >= 0.1] or [int(np.argmax(shares))]
    assert patches(image_prompt(asked(mask=mask), vision()), "object-visual") == own


def test_a_token_for_the_whole_image_stands_before_the_patches():
    mask = box(slice(0, 4), slice(0, 4))
    prompt = image_prompt(asked(mask=mask), vision(strategy="full"))
    assert (patches(prompt, "early-visual"), patches(prompt, "object-visual")) == ([0], [1])


def test_an_object_in_every_patch_leaves_no_other_visual_tokens():
    prompt = image_prompt(asked(mask=np.ones((16, 16), dtype=bool)), vision())
    assert patches(prompt, "object-visual") == list(range(N_PATCHES))
    assert not {"early-visual", "late-visual"} & set(prompt.roles)


@pytest.mark.parametrize("is_present", [True, False])
def test_without_a_region_all_image_tokens_are_visual(is_present):
    prompt = image_prompt(asked(is_present=is_present), vision())
    assert patches(prompt, "visual") == list(range(N_PATCHES))
    assert not set(VISUAL) & set(prompt.roles)
    assert sorted(position for positions in prompt.roles.values() for position in positions) == list(range(len(prompt)))


@pytest.mark.parametrize(("is_present", "answers"), [(True, ("Yes", "No")), (False, ("No", "Yes"))])
def test_the_answer_is_yes_for_what_is_there_and_no_for_what_is_not(is_present, answers):
    prompt = image_prompt(asked(is_present=is_present), vision())
    vocabulary = vision().tokenizer.get_vocab()
    assert (prompt.answers, prompt.wrong_answers) == tuple((vocabulary[word],) for word in answers)


def named(text: str, name: str) -> list[str]:
    """The tokens of the object's name in a question."""
    tokenizer = vision().tokenizer
    prompt = image_prompt(asked(name, text=text), vision())
    return tokenizer.convert_ids_to_tokens([prompt.clean[position] for position in prompt.roles["textual-object"]])


def test_a_name_of_several_words_is_all_of_its_tokens():
    assert named("Is there a red circle in the image?", "red circle") == ["red", "circle"]
    assert named("Is there a circle in the image?", "circle") == ["circle"]


def test_a_name_is_a_whole_word():
    """`in` is part of `ring`, which comes before it."""
    assert named("Is there a ring in the image?", "in") == ["in"]


def test_of_a_name_that_occurs_twice_the_first_is_meant():
    prompt = image_prompt(asked("circle", text="Is there a circle in the image? Is a circle there?"), vision())
    start = IMAGE_FIRST + N_PATCHES
    assert prompt.roles["textual-object"] == (start + 3,)
    again = [position for position in range(len(prompt)) if prompt.clean[position] == prompt.clean[start + 3]][1]
    assert again in prompt.roles["late-textual"]


def test_a_name_that_chat_and_question_share_is_that_of_the_question():
    """The template says `image` and `the image` before; only the question counts."""
    template = "the image : {% for part in messages[0]['content'] %}{% if part['type'] == 'image' %}<image>{% else %}"
    template += " {{ part['text'] }}{% endif %}{% endfor %} ASSISTANT:"
    prompt = image_prompt(asked("image", text="Is there a circle in the image?"), vision(chat_template=template))
    assert prompt.roles["textual-object"] == (4 + N_PATCHES + 6,)


def test_a_prompt_that_ends_in_the_name_is_partitioned_too():
    template = "{% for part in messages[0]['content'] %}{% if part['type'] == 'image' %}<image>{% else %}"
    template += " {{ part['text'] }}{% endif %}{% endfor %}"
    prompt = image_prompt(asked(text="Is there a red circle"), vision(chat_template=template))
    assert sorted(position for positions in prompt.roles.values() for position in positions) == list(range(len(prompt)))


# Faults


def test_a_question_that_does_not_name_its_object_is_refused():
    with pytest.raises(ValueError, match="does not name 'blue star'"):
        image_prompt(asked("blue star"), vision())


def test_a_question_with_an_image_token_is_refused():
    with pytest.raises(ValueError, match="holds 2 image tokens"):
        image_prompt(asked(text="Is there a red circle in <image>?"), vision())


def test_a_region_of_another_image_size_is_refused():
    with pytest.raises(ValueError, match="8 x 8"):
        image_prompt(asked(mask=np.ones((8, 8), dtype=bool)), vision())


def test_all_faulty_questions_are_listed_at_once():
    empty = np.zeros((16, 16), dtype=bool)
    questions = [asked(), asked("blue star", source="cat.png"), asked(mask=empty, source="dog.png"), asked()]
    with pytest.raises(ValueError, match="animals: 2 of 4 questions cannot be asked") as error:
        image_prompts("animals", questions, vision())
    first, second = str(error.value).splitlines()[1:]
    assert first.startswith("  question 1 (cat.png, 'blue star'): the question")
    assert second.startswith("  question 2 (dog.png, 'red circle'): the object covers none of the patches")


def test_of_many_faulty_questions_twenty_are_shown():
    with pytest.raises(ValueError, match="many: 23 of 23") as error:
        image_prompts("many", [asked("blue star")] * 23, vision())
    lines = str(error.value).splitlines()
    assert (len(lines), lines[-1]) == (22, "  ... and 3 more")


def test_a_word_outside_the_vocabulary_is_named():
    with pytest.raises(ValueError, match="does not know 'zebra'"):
        image_prompt(asked("zebra", text="Is there a zebra in the image?"), vision())


def test_a_corrupt_picture_of_another_number_of_tokens_is_refused_with_the_prompt(monkeypatch):
    """As with a processor that does not bring all pictures to one size."""
    model, other = tiny_vlm(), random_picture(1)
    prompts = image_prompts("sizes", [asked(corrupt_picture=other)], model.vision)
    monkeypatch.setattr(model.vision, "n_tokens", lambda picture: 15 if picture == other else N_PATCHES)
    with pytest.raises(ValueError, match=r"prompt 0 has 16 image tokens .* becomes 15 tokens"):
        model.check_prompts(prompts)
    monkeypatch.undo()
    model.check_prompts(prompts)


# Scene objects


def pixels(picture: Picture | None) -> np.ndarray:
    assert picture is not None
    return picture.pixels().astype(int)


def same(one: ImageQuestion, other: ImageQuestion) -> bool:
    masks = (one.mask is None) is (other.mask is None) and (one.mask is None or (one.mask == other.mask).all())
    fields = ("picture", "text", "object_name", "is_present", "corrupt_picture", "sort", "source")
    return bool(masks) and all(getattr(one, name) == getattr(other, name) for name in fields)


every_corruption = pytest.mark.parametrize("corruption", SceneObjects.corruptions)


@pytest.mark.parametrize(
    ("corruption", "negatives"),
    [*((name, None) for name in SceneObjects.corruptions), *(("replaced", sort) for sort in NEGATIVES)],
)
def test_the_same_seed_gives_the_same_questions_and_more_of_them_begin_with_fewer(corruption, negatives):
    task = SceneObjects(corruption)
    few, many = (task.questions(n=n, seed=3, negatives=negatives) for n in (5, 9))
    assert (len(few), len(many)) == (5, 9)
    assert all(map(same, few, many))
    other = task.questions(n=5, seed=4, negatives=negatives)
    assert not any(one.picture == two.picture for one, two in zip(few, other, strict=True))


@pytest.mark.parametrize("negatives", NEGATIVES)
def test_negatives_alternate_with_positives_about_the_same_scene(negatives):
    questions = SceneObjects().questions(n=12, negatives=negatives)
    assert [question.is_present for question in questions] == [True, False] * 6
    for positive, negative in zip(questions[::2], questions[1::2], strict=True):
        assert positive.picture == negative.picture
        assert (positive.sort, negative.sort) == (None, negatives)
        assert negative.mask is None
        assert negative.corrupt_picture is None
        assert positive.object_name != negative.object_name


def test_sorts_of_negatives_differ_in_their_negatives_alone():
    one, other, none = (SceneObjects().questions(n=8, negatives=sort) for sort in ("random", "popular", None))
    assert all(map(same, one[::2], other[::2]))
    assert all(same(a, replace(b, source=a.source)) for a, b in zip(one[::2], none[:4], strict=True))
    assert any(a.object_name != b.object_name for a, b in zip(one[1::2], other[1::2], strict=True))


def test_a_question_asks_for_its_object_by_name():
    for question in SceneObjects().questions(n=10, negatives="random"):
        assert question.text.startswith(f"Is there a {question.object_name} in the image? Please answer")
        assert Kind(*question.object_name.split()) in KINDS


@pytest.mark.parametrize("corruption", ["replaced", "removed"])
def test_the_corrupt_picture_differs_within_the_box_of_the_object_alone(corruption):
    for question in SceneObjects(corruption).questions(n=20):
        differs = np.any(pixels(question.picture) != pixels(question.corrupt_picture), axis=2)
        rows, columns = (np.flatnonzero(question.mask.any(axis=axis)) for axis in (1, 0))
        outside = np.ones((64, 64), dtype=bool)
        # Some shapes fill more of their box than others, by at most two pixels of a box of 22.
        outside[max(0, rows[0] - 3) : rows[-1] + 4, max(0, columns[0] - 3) : columns[-1] + 4] = False
        assert not differs[outside].any()
        assert differs[question.mask].mean() > 0.3
        if corruption == "removed":
            assert not differs[~question.mask].any()


@every_corruption
def test_the_corrupt_scene_lacks_the_object(corruption, monkeypatch):
    """Read from the scenes themselves, as the task draws them."""
    drawn = []
    whole = SceneObjects._corrupt

    def noted(self, scene, one, generator):
        corrupt = whole(self, scene, one, generator)
        drawn.append((scene, one, corrupt))
        return corrupt

    monkeypatch.setattr(SceneObjects, "_corrupt", noted)
    questions = SceneObjects(corruption).questions(n=20)
    for question, (scene, one, corrupt) in zip(questions, drawn, strict=True):
        assert question.object_name == str(one.kind)
        assert one.kind in scene.kinds
        assert one.kind not in corrupt.kinds
        assert len(corrupt.objects) == len(scene.objects) - (corruption == "removed")
        assert len(set(corrupt.kinds)) == len(corrupt.kinds)
        assert pixels(question.corrupt_picture).tolist() == corrupt.image.tolist()


def test_the_reference_model_answers_well_and_differently_without_the_object(reference):
    prompts = SceneObjects().build(reference.vision, n=60)
    baseline = measure_baseline(reference, prompts, metric=METRICS["answer-probability"])
    assert baseline.accuracy >= 0.9
    assert baseline.clean.mean() > 0.9
    assert baseline.ablated.mean() < 0.3


def test_the_reference_model_denies_what_is_not_there(reference):
    questions = SceneObjects().questions(n=60, negatives="random")[1::2]
    prompts = image_prompts("absent", questions, reference.vision)
    runs = [reference.forward.record(*inputs) for inputs in clean_inputs(reference, prompts)]
    predicted = [int(reference.forward.logits(run.residual[-1])[0, -1].argmax()) for run in runs]
    assert np.mean([token in prompt.answers for token, prompt in zip(predicted, prompts, strict=True)]) >= 0.9


def clean_inputs(model, prompts):
    import torch

    return [(torch.tensor([prompt.clean]), model.vision.pixels([prompt.image])) for prompt in prompts]


def test_the_regions_of_the_reference_model_are_the_patches_of_its_objects(reference):
    """Its pictures are not resized: a tenth of a patch of 8 x 8 pixels is 7 of them."""
    for question in SceneObjects().questions(n=15):
        prompt = image_prompt(question, reference.vision)
        first, _ = prompt.image_tokens or (0, 0)
        counts = question.mask.reshape(8, 8, 8, 8).sum(axis=(1, 3)).ravel()
        assert [position - first for position in prompt.roles["object-visual"]] == np.flatnonzero(counts >= 7).tolist()


def test_prompts_of_a_task_need_a_number_and_a_known_corruption(reference):
    with pytest.raises(ValueError, match="'scene-objects': asked for 0 prompts"):
        SceneObjects().build(reference.vision, n=0)
    with pytest.raises(ValueError, match="Did you mean 'removed'"):
        SceneObjects("remove")
    assert IMAGE_TASKS["scene-objects"]().corruption == "replaced"
