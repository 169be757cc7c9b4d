"""Scenes match their descriptions, questions are labeled correctly, and the bundled model does what its card says."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import lru_cache
from itertools import combinations
from typing import Any

import numpy as np
import pytest

from circuits.data.scene_questions import (
    NEGATIVES,
    Frequencies,
    Question,
    adversarial_negatives,
    caption,
    count_kinds,
    popular_negatives,
    question_text,
    random_negatives,
    similar_negatives,
)
from circuits.data.scenes import (
    COLORS,
    IMAGE_SIZE,
    KINDS,
    LARGEST,
    N_PATCHES,
    SHAPES,
    SMALLEST,
    THEMES,
    Box,
    Kind,
    Scene,
    SceneObject,
    draw_kinds,
    draw_scene,
    images,
    shape_opacity,
)
from circuits.reference.vision import MODEL
from circuits.reference.vision.data import Rows, draw_questions, draw_shape_question, patch_labels
from circuits.reference.vision.text import make_tokenizer, prompt

LARGEST_BYTES = 10_000_000
N_SCENES = 120
WHITE = (255, 255, 255)


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return make_tokenizer()


@lru_cache
def bundled() -> tuple[Any, Any]:
    """The bundled model and its processor, as transformers loads them."""
    from transformers import AutoModelForImageTextToText, AutoProcessor

    return AutoModelForImageTextToText.from_pretrained(MODEL).eval(), AutoProcessor.from_pretrained(MODEL)


@lru_cache
def answers() -> Any:
    """The bundled model on scenes that neither training nor the card used."""
    from circuits.reference.vision.measure import measure_answers

    return measure_answers(*bundled(), np.random.default_rng(17), n_scenes=N_SCENES)


def drawn_scenes(n: int = 40, seed: int = 0) -> list[Scene]:
    generator = np.random.default_rng(seed)
    return [draw_scene(generator, 1 + number % 4) for number in range(n)]


def black_scene(*things: SceneObject) -> Scene:
    """Objects on black, without noise."""
    empty = np.zeros((IMAGE_SIZE, IMAGE_SIZE, 3), dtype=np.float32)
    return Scene(things, empty, empty)


def ids(words: list[str], tokenizer: Any) -> list[int]:
    return [tokenizer.get_vocab()[word] for word in words]


# Scenes


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_an_object_changes_the_pixels_of_its_mask_and_no_others(kind: Kind) -> None:
    thing = SceneObject(kind, Box(20, 30, 35, 45), WHITE)
    changed = np.any(black_scene(thing).image, axis=2)
    assert np.array_equal(changed, thing.mask())
    assert changed[30:45, 20:35].sum() == changed.sum() > 0


def test_without_an_object_a_scene_differs_in_its_region_alone() -> None:
    for scene in drawn_scenes():
        for thing in scene.objects:
            others = tuple(other for other in scene.objects if other is not thing)
            differs = np.any(replace(scene, objects=others).image != scene.image, axis=2)
            assert not differs[~thing.mask()].any()
            assert differs.any()


def test_a_pixel_covered_wholly_has_the_color_of_its_object() -> None:
    thing = SceneObject(Kind("red", "square"), Box(0, 0, 10, 10), (205, 40, 30))
    assert black_scene(thing).image[5, 5].tolist() == [205, 40, 30]


def test_an_object_lies_in_the_patches_that_its_box_touches() -> None:
    # Columns 8 to 17 are patches 1 and 2 of a row of eight, rows 0 to 9 the first two rows of patches.
    thing = SceneObject(Kind("red", "square"), Box(8, 0, 18, 10), WHITE)
    assert np.flatnonzero(thing.patches()).tolist() == [1, 2, 9, 10]
    assert thing.patches().shape == (N_PATCHES,)


@pytest.mark.parametrize(
    ("shape", "area"),
    [
        ("circle", np.pi * 10**2),
        ("square", (0.88 * 20) ** 2),
        ("triangle", 20 * 20 / 2),
        ("cross", 2 * 20 * 6 - 6**2),
        ("ring", np.pi * (10**2 - 5.5**2)),
        ("star", 112.26),  # a pentagram of radius 10
    ],
)
def test_a_shape_has_its_area(shape: str, area: float) -> None:
    # A pixel on the border is sampled 36 times, so areas are right to about one pixel in a hundred.
    assert shape_opacity(shape, 20).sum() == pytest.approx(area, rel=0.02)


def test_objects_keep_apart_and_inside_the_image() -> None:
    for scene in drawn_scenes():
        for thing in scene.objects:
            left, top, right, bottom = thing.box
            assert SMALLEST <= right - left == bottom - top <= LARGEST
            assert min(left, top) >= 0
            assert max(right, bottom) <= IMAGE_SIZE
        for one, other in combinations(scene.objects, 2):
            assert not (one.mask() & other.mask()).any()


def test_objects_are_in_raster_order_of_their_first_patch() -> None:
    for scene in drawn_scenes():
        corners = [(thing.box.top // 8, thing.box.left // 8) for thing in scene.objects]
        assert corners == sorted(corners)


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others() -> None:
    first, again, other = (images(drawn_scenes(seed=seed)).tobytes() for seed in (0, 0, 1))
    assert first == again != other


def test_themes_divide_the_kinds_into_pairs_of_colors_in_pairs_of_shapes() -> None:
    assert sorted(kind for theme in THEMES for kind in theme) == sorted(KINDS)
    assert len(KINDS) == len(COLORS) * len(SHAPES) == 36
    for theme in THEMES:
        assert len({kind.color for kind in theme}) == len({kind.shape for kind in theme}) == 2
        assert len(theme) == 4


def test_the_kinds_of_a_scene_are_all_different() -> None:
    generator = np.random.default_rng(0)
    assert all(len(set(draw_kinds(generator, 4))) == 4 for _ in range(500))


def test_the_second_of_two_kinds_is_of_the_theme_as_often_as_stated() -> None:
    # Both of the theme: 0.75 + 0.25 * 4/36 for the first, 0.75 + 0.25 * 3/35 for the second, together 0.60. Both of
    # another theme adds under 0.01.
    generator = np.random.default_rng(0)
    drawn = [set(draw_kinds(generator, 2)) for _ in range(4000)]
    of_one_theme = [any(kinds <= set(theme) for theme in THEMES) for kinds in drawn]
    assert np.mean(of_one_theme) == pytest.approx(0.60, abs=0.03)  # four standard errors


# Questions


def test_the_question_has_the_wording_that_was_agreed() -> None:
    assert question_text(Kind("red", "circle")) == (
        "Is there a red circle in the image? Please answer this question with one word (Yes or No)."
    )


def test_labels_of_training_questions_are_true_and_half_of_them_positive() -> None:
    generator = np.random.default_rng(0)
    for scene in drawn_scenes():
        questions = draw_questions(generator, scene.kinds, 4, n_similar=1)
        assert [question.is_present for question in questions].count(True) == 2
        for question in questions:
            assert question.is_present == (question.kind in scene.kinds)
            assert question.answer == ("Yes" if question.is_present else "No")


def test_training_asks_about_the_absent_rest_of_a_theme_no_more_often_than_about_others() -> None:
    generator, present = np.random.default_rng(0), THEMES[0][:1]
    asked = [draw_questions(generator, present, 4, n_similar=0) for _ in range(2000)]
    of_theme = [q.kind in THEMES[0] for questions in asked for q in questions if not q.is_present]
    # Three of the 35 absent kinds; 4000 draws, so four standard errors are 0.018.
    assert np.mean(of_theme) == pytest.approx(3 / 35, abs=0.018)


def test_similar_negatives_have_a_color_or_a_shape_that_is_there() -> None:
    present = (Kind("red", "star"), Kind("blue", "ring"))
    for kind in similar_negatives(present, 36, np.random.default_rng(0)):
        assert kind.color in {"red", "blue"} or kind.shape in {"star", "ring"}
        assert kind not in present
    # Two colors and two shapes: 12 + 12 kinds, four of them counted twice, two of them present.
    assert len(similar_negatives(present, 36, np.random.default_rng(0))) == 18


def test_a_question_about_a_shape_alone_is_right_whether_one_reads_the_color_or_not() -> None:
    generator = np.random.default_rng(0)
    asked = [(scene, draw_shape_question(generator, scene.kinds)) for scene in drawn_scenes(200)]
    for scene, question in asked:
        assert question.is_present == (question.kind in scene.kinds)
        assert question.is_present == (question.kind.shape in {kind.shape for kind in scene.kinds})
    # 200 fair draws: four standard errors are 28.
    assert abs(sum(question.is_present for _, question in asked) - 100) < 28


def test_a_patch_is_labeled_with_the_color_and_the_shape_of_its_object() -> None:
    thing = SceneObject(Kind("green", "triangle"), Box(8, 0, 18, 10), WHITE)
    (labels,) = patch_labels([black_scene(thing)])
    assert labels[thing.patches()].tolist() == [[1, 2]] * thing.patches().sum()
    assert labels[~thing.patches()].tolist() == [[6, 6]] * (N_PATCHES - thing.patches().sum())


def test_a_caption_names_the_objects_in_order() -> None:
    assert caption([Kind("red", "star"), Kind("blue", "ring")]) == "a red star, a blue ring."


def test_negatives_of_every_sort_are_absent_and_different() -> None:
    frequencies, generator = count_kinds(2000), np.random.default_rng(0)
    for scene in drawn_scenes():
        for negatives in (
            random_negatives(scene.kinds, 5, generator),
            similar_negatives(scene.kinds, 5, generator),
            popular_negatives(scene.kinds, 5, frequencies),
            adversarial_negatives(scene.kinds, 5, frequencies),
        ):
            assert len(set(negatives)) == 5
            assert not set(negatives) & set(scene.kinds)


def test_popular_negatives_are_the_most_frequent_absent_kinds() -> None:
    alone = np.linspace(0, 1, len(KINDS))
    frequencies = Frequencies(alone, np.zeros((len(KINDS), len(KINDS))))
    assert popular_negatives((KINDS[35], KINDS[33]), 2, frequencies) == (KINDS[34], KINDS[32])


def test_adversarial_negatives_stand_most_often_with_all_present_kinds_together() -> None:
    together = np.zeros((len(KINDS), len(KINDS)))
    for one, other, share in ((0, 5, 0.3), (1, 6, 0.2), (0, 7, 0.2), (1, 7, 0.2), (0, 1, 0.9)):
        together[one, other] = together[other, one] = share
    # With kinds 0 and 1: kind 7 has 0.2 + 0.2, kind 5 has 0.3, kind 6 has 0.2; kind 1 is present.
    negatives = adversarial_negatives((KINDS[0], KINDS[1]), 3, Frequencies(np.zeros(len(KINDS)), together))
    assert negatives == (KINDS[7], KINDS[5], KINDS[6])


def test_in_generated_scenes_the_adversarial_negatives_are_the_rest_of_the_theme() -> None:
    frequencies = count_kinds()
    for theme in THEMES:
        assert set(adversarial_negatives(theme[:1], 3, frequencies)) == set(theme[1:])
        assert adversarial_negatives(theme[:3], 1, frequencies) == (theme[3],)


def test_frequencies_are_shares_of_scenes() -> None:
    frequencies = count_kinds(4000)
    # One to four different kinds a scene: 2.5 on average, with a standard error of 0.02.
    assert frequencies.alone.sum() == pytest.approx(2.5, abs=0.08)
    assert np.array_equal(frequencies.together, frequencies.together.T)
    assert not np.diag(frequencies.together).any()
    assert (frequencies.together <= frequencies.alone).all()


# Tokens and rows


def test_every_word_is_one_known_token(tokenizer: Any) -> None:
    text = prompt(question_text(Kind("red", "circle"))) + " Yes No " + caption(KINDS)
    tokens = tokenizer.convert_ids_to_tokens(tokenizer(text)["input_ids"])
    assert tokens[:6] == ["<s>", "USER", ":", "<image>", "Is", "there"]
    assert "<unk>" not in tokens


def test_a_row_holds_the_questions_with_their_answers_and_the_caption(tokenizer: Any) -> None:
    rows = Rows(tokenizer, short_questions=1)
    (scene,) = drawn_scenes(1)
    color, shape = scene.kinds[0]
    absent = random_negatives(scene.kinds, 1, np.random.default_rng(0))[0]
    questions = [Question(Kind(color, shape), is_present=True)] * 2 + [Question(absent, is_present=False)]
    batch = rows.batch([scene], [questions])
    said = tokenizer.convert_ids_to_tokens(batch.following[batch.is_said].tolist())
    assert said == ["Yes", "</s>", "Yes", "</s>", "No", "</s>", "a", color, shape, ".", "</s>"]
    assert tokenizer.convert_ids_to_tokens(batch.following[batch.is_answer].tolist()) == ["Yes", "Yes", "No"]
    read = tokenizer.convert_ids_to_tokens(batch.ids[0].tolist())
    assert read[rows.first_patch : rows.first_patch + N_PATCHES] == ["<image>"] * N_PATCHES
    asked = read[rows.first_patch + N_PATCHES :]
    assert asked[: asked.index("in")] == ["Is", "there", "a", shape]
    assert asked.count("Please") == 1


def test_texts_packed_behind_one_image_are_answered_as_if_each_stood_alone(tokenizer: Any) -> None:
    import torch

    from circuits.reference.vision.train import said_logits, to_pixels

    model, processor = bundled()
    scenes = drawn_scenes(8)
    generator = np.random.default_rng(0)
    rows = Rows(tokenizer, short_questions=1)
    questions = [draw_questions(generator, scene.kinds, 3, n_similar=0) for scene in scenes]
    batch = rows.batch(scenes, questions)
    with torch.no_grad():
        packed = said_logits(model, rows, batch, to_pixels(images(scenes)))
        last = packed[torch.from_numpy(batch.is_answer[batch.is_said])].reshape(len(scenes), 3, -1)[:, 2]
        texts = [prompt(own[2].text) for own in questions]
        alone = model(**processor(images=list(images(scenes)), text=texts, return_tensors="pt")).logits[:, -1]
    # Both are sums in float32 of logits of order ten, in another order.
    torch.testing.assert_close(last, alone, atol=1e-4, rtol=1e-4)


# Training


def test_training_repeats_itself_from_the_seed() -> None:
    import torch

    from circuits.reference.vision.train import Recipe, Training, align_projector, new_model, train_tower

    def weights_after_two_steps(seed: int) -> Any:
        recipe = Recipe(scenes_per_step=4, tower_scenes_per_step=4, tower_steps=2, align_steps=2)
        model = new_model(recipe, make_tokenizer(), seed)
        train_tower(model, recipe, np.random.default_rng(seed))
        align_projector(model, make_tokenizer(), recipe, np.random.default_rng(seed))
        training = Training(model, recipe, seed)
        training.train_step()
        training.train_step()
        return model.lm_head.weight

    first, again, other = (weights_after_two_steps(seed) for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_training_goes_on_to_more_objects_only_after_a_whole_window_of_good_steps() -> None:
    from circuits.reference.vision.train import Recipe, StepAccuracy, Training, new_model

    recipe = Recipe(window=2, stage_accuracy=0.9)
    training = Training(new_model(recipe, make_tokenizer(), 0), recipe, 0)
    reached = []
    for accuracy in (1.0, 0.7, 0.9, 0.9, 1.0, 1.0):
        training.record(StepAccuracy(answers=accuracy, captions=0.0))
        reached.append(training.most_objects)
    assert reached == [1, 1, 1, 2, 2, 3]


def test_training_that_does_not_learn_stops_with_an_error() -> None:
    from circuits.reference.vision.train import Recipe, Training, new_model

    recipe = Recipe(scenes_per_step=2, most_steps=1)
    training = Training(new_model(recipe, make_tokenizer(), 0), recipe, 0)
    with pytest.raises(RuntimeError, match="not learned after 1 steps: still at 1 objects"):
        training.run()


# The bundled model


def test_the_bundled_model_is_small_and_readable_by_everyone() -> None:
    files = [path for path in MODEL.iterdir() if path.is_file()]
    assert sum(path.stat().st_size for path in files) < LARGEST_BYTES
    names = {path.name for path in files}
    assert {"config.json", "model.safetensors", "tokenizer.json", "processor_config.json", "README.md"} <= names
    assert all(path.stat().st_mode & 0o044 == 0o044 for path in files)


def test_the_bundled_processor_is_the_one_that_training_uses(tokenizer: Any) -> None:
    from circuits.reference.vision.train import to_pixels

    _, processor = bundled()
    pictures = images(drawn_scenes(4))
    inputs = processor(images=list(pictures), text=[prompt("Describe the image.")] * 4, return_tensors="pt")
    assert processor.tokenizer.get_vocab() == tokenizer.get_vocab()
    assert np.array_equal(inputs["pixel_values"], to_pixels(pictures))
    assert (inputs["input_ids"] == tokenizer.get_vocab()["<image>"]).sum() == 4 * N_PATCHES


def test_the_chat_template_gives_the_prompt_that_the_model_was_trained_on() -> None:
    _, processor = bundled()
    question = question_text(Kind("red", "circle"))
    message = {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": question}]}
    assert processor.apply_chat_template([message], add_generation_prompt=True) == prompt(question)


def test_the_bundled_model_answers_random_questions_about_new_scenes() -> None:
    # The card states more; 240 questions have a standard error of 1.4 %.
    assert answers().accuracy("random").value >= 0.93


def test_the_bundled_model_hallucinates_what_belongs_to_the_scene() -> None:
    measurement = answers()
    assert measurement.negative["adversarial"].value < measurement.negative["random"].value - 0.2
    assert measurement.accuracy("adversarial").value < measurement.accuracy("random").value


@pytest.mark.parametrize("sort", NEGATIVES)
def test_the_card_beside_the_weights_gives_the_accuracies(sort: str) -> None:
    card = (MODEL / "README.md").read_text(encoding="utf-8")
    (stated,) = re.findall(rf"^\| {sort} \| \d+ \| ([\d.]+)% ", card, flags=re.MULTILINE)
    accuracy = answers().accuracy(sort)
    # Other scenes than the card's: four standard errors of what is measured here.
    spread = 400 * (accuracy.value * (1 - accuracy.value) / accuracy.n) ** 0.5
    assert float(stated) == pytest.approx(100 * accuracy.value, abs=spread)


def test_captions_of_the_bundled_model_name_mostly_what_is_there() -> None:
    from circuits.reference.vision.measure import measure_captions

    rates = measure_captions(*bundled(), np.random.default_rng(17), n_scenes=50)
    assert rates.present_named.value > 0.75
    assert rates.absent_named.value < 0.2


def test_kinds_are_read_from_a_caption() -> None:
    from circuits.reference.vision.measure import kinds_named

    assert kinds_named("a red star, a blue ring.") == [Kind("red", "star"), Kind("blue", "ring")]
    assert kinds_named("a red , a blue red star") == [Kind("red", "star")]
