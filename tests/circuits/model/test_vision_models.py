"""Vision-language models: loaded as transformers runs them, what part of a picture each token shows, and refusals."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from circuits.data.image_processor import Vision
from circuits.data.images import Picture
from circuits.data.prompts import Prompt, PromptSet
from circuits.data.regions import patches_of
from circuits.methods import ActivationPatching, CausalTracing, EdgeAttribution, ExactEdges
from circuits.metrics import METRICS
from circuits.model import load as models
from circuits.model.load import Model, load_model, model_from_module
from circuits.reference.vision.text import CHAT_TEMPLATE
from tests.circuits.vision_models import (
    AROUND_IMAGE,
    IMAGE_TOKEN,
    N_PATCHES,
    N_WORDS,
    draw_weights,
    gemma3,
    idefics3,
    image_pairs,
    make_processor,
    random_picture,
    random_vlm,
    text_config,
    tiny_vlm,
)
from tests.conftest import random_prompts

LOGIT_DIFFERENCE = METRICS["logit-difference"]
# Text tower, vision tower, strategy, and how many tokens a picture of 4 x 4 patches becomes.
BUILDS = [
    ("llama", "clip", "default", 16),
    ("llama", "clip", "full", 17),
    ("llama", "siglip", "full", 16),
    ("mistral", "clip", "default", 16),
    ("qwen2", "clip", "default", 16),
]
every_build = pytest.mark.parametrize(("text", "tower", "strategy", "n_tokens"), BUILDS)


def vision_of(processor: Any) -> Vision:
    return Vision(processor, IMAGE_TOKEN, device="cpu", dtype=torch.float32)


def own_logits(module: Any, processor: Any, ids: tuple[int, ...], picture: Picture) -> Tensor:
    """The module's own logits for a prompt with a picture [position, token]."""
    pixels = processor.image_processor(images=[picture.pixels()], return_tensors="pt")["pixel_values"]
    with torch.no_grad():
        return module(input_ids=torch.tensor([ids]), pixel_values=pixels, use_cache=False).logits[0]


def forward_logits(model: Model, ids: tuple[int, ...], picture: Picture) -> Tensor:
    """The same through `Forward`, whose vision tower runs in `embed` alone."""
    run = model.forward.record(torch.tensor([ids]), model.vision.pixels([picture]))
    return model.forward.logits(run.residual[-1])[0]


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "tiny-vlm"
    random_vlm().save_pretrained(folder)
    make_processor().save_pretrained(folder)
    return folder


# Loading


@every_build
def test_a_prompt_with_a_picture_runs_as_in_transformers(text, tower, strategy, n_tokens):
    module, processor = (
        random_vlm(text, tower=tower, strategy=strategy),
        make_processor(strategy=strategy, has_class_token=tower == "clip"),
    )
    prompts = image_pairs(2, n_tokens=n_tokens)
    expected = [
        [own_logits(module, processor, p.clean, picture) for picture in (p.image, p.corrupt_image)] for p in prompts
    ]
    model = model_from_module(module, processor=processor)
    assert model.refusals == {}
    for prompt, both in zip(prompts, expected, strict=True):
        for picture, logits in zip((prompt.image, prompt.corrupt_image), both, strict=True):
            torch.testing.assert_close(forward_logits(model, prompt.clean, picture), logits, atol=2e-5, rtol=1e-5)
        assert float((both[0] - both[1])[-1].abs().max()) > 1e-2


@every_build
def test_a_picture_becomes_as_many_tokens_as_the_tower_has_features(text, tower, strategy, n_tokens):
    model = tiny_vlm(text, tower, strategy)
    for picture in (random_picture(0), random_picture(1, rows=50, columns=21)):
        assert model.vision.n_tokens(picture) == n_tokens
        text_with_picture = model.vision.expanded("USER: <image> Is", picture)
        assert text_with_picture.count("<image>") == n_tokens
        assert text_with_picture.replace("<image>", "") == "USER:  Is"


def test_a_saved_folder_gives_the_same_model_with_its_tokenizer(saved):
    model = load_model(str(saved))
    prompt = image_pairs(1).prompts[0]
    expected = own_logits(random_vlm(), make_processor(), prompt.clean, prompt.image)
    torch.testing.assert_close(forward_logits(model, prompt.clean, prompt.image), expected, atol=2e-5, rtol=1e-5)
    assert model.vision.image_token_id == IMAGE_TOKEN
    assert model.tokenizer is model.vision.tokenizer
    assert model.description()["reads_images"] is True


def test_pixels_are_given_in_the_dtype_of_the_model(saved):
    model = load_model(str(saved), dtype="bfloat16")
    prompt = image_pairs(1).prompts[0]
    assert model.vision.pixels([prompt.image])["pixel_values"].dtype == torch.bfloat16
    assert forward_logits(model, prompt.clean, prompt.image).isfinite().all()


def test_the_vision_tower_runs_in_embedding_alone():
    """What enters layer 0 at the image's positions is the projector's output, and the rest follows from the stream."""
    model, prompt = tiny_vlm(), image_pairs(1).prompts[0]
    ids, pixels = torch.tensor([prompt.clean]), model.vision.pixels([prompt.image])
    embedded = model.forward.embed(ids, pixels)
    first, stop = prompt.image_tokens or (0, 0)
    with torch.no_grad():
        features = model.bridge.original_model.get_image_features(**pixels, return_dict=True).pooler_output
    torch.testing.assert_close(embedded[0, first:stop], features[0].to(embedded), atol=1e-5, rtol=1e-5)
    final = model.forward.run(embedded, n_positions=ids.shape[1])
    whole = model.forward.record(ids, pixels).residual[-1]
    torch.testing.assert_close(final, whole, atol=0, rtol=0)


# Which part of a picture each token shows


def covered(mask: np.ndarray, vision: Vision, n_tokens: int = N_PATCHES) -> list[list[float]]:
    return vision.coverage(mask, n_tokens).tolist()


def box(rows: slice, columns: slice, size: tuple[int, int] = (16, 16)) -> np.ndarray:
    mask = np.zeros(size, dtype=bool)
    mask[rows, columns] = True
    return mask


def test_an_edge_on_the_border_of_a_patch_leaves_the_next_patch_out():
    shares = covered(box(slice(4, 8), slice(0, 8)), vision_of(make_processor()))
    assert shares == [[0, 0, 0, 0], [1, 1, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]]


def test_an_object_beyond_the_border_covers_its_share_of_the_next_patch():
    # Rows 4 to 8 and columns 0 to 5: of the patches in the second row of patches a quarter is added to the right,
    # half of it being columns 4 and 5; of those below, one row of four.
    shares = covered(box(slice(4, 9), slice(0, 6)), vision_of(make_processor()))
    assert shares == [[0, 0, 0, 0], [1, 0.5, 0, 0], [0.25, 0.125, 0, 0], [0, 0, 0, 0]]


@pytest.mark.parametrize(("strategy", "n_tokens"), [("default", N_PATCHES), ("full", N_PATCHES + 1)])
def test_coverage_is_that_of_the_patches_with_and_without_a_token_for_the_whole(strategy, n_tokens):
    vision = vision_of(make_processor(strategy=strategy))
    assert vision.n_tokens(random_picture(0)) == n_tokens
    assert covered(box(slice(0, 4), slice(12, 16)), vision, n_tokens)[0] == [0, 0, 0, 1]


def test_an_object_of_one_pixel_keeps_its_one_patch():
    shares = vision_of(make_processor()).coverage(box(slice(6, 7), slice(9, 10)), N_PATCHES)
    assert shares[1, 2] == 1 / 16
    assert patches_of(shares).tolist() == [6]


CROPPED = {"size": {"shortest_edge": 16}}
"""Twice as wide as tall, a picture loses a quarter of its width on either side, and keeps its height."""


def test_an_object_is_resized_and_cropped_as_the_picture_is():
    """Of 32 x 64 pixels, columns 16 to 47 are seen, at half the size: row 8 there is row 4, column 24 is column 4."""
    vision = vision_of(make_processor(**CROPPED))
    shares = covered(box(slice(8, 16), slice(24, 40), (32, 64)), vision)
    assert shares == [[0, 0, 0, 0], [0, 1, 1, 0], [0, 0, 0, 0], [0, 0, 0, 0]]


def test_an_object_that_is_cropped_away_is_refused_as_such():
    vision = vision_of(make_processor(**CROPPED))
    shares = vision.coverage(box(slice(0, 32), slice(0, 12), (32, 64)), N_PATCHES)
    with pytest.raises(ValueError, match="it was cropped away"):
        patches_of(shares)


def test_an_object_too_small_for_the_size_at_which_it_is_seen_keeps_the_patch_that_it_is_in():
    """A line of 2 x 40 pixels in a picture seen at a quarter of its size: half a row of pixels high."""
    vision = vision_of(make_processor())
    shares = vision.coverage(box(slice(32, 34), slice(8, 48), (64, 64)), N_PATCHES)
    assert set(patches_of(shares).tolist()) <= {8, 9, 10}


def test_the_model_is_shown_what_it_sees():
    vision = vision_of(make_processor(**CROPPED))
    pixels = np.zeros((16, 32, 3), dtype=np.uint8)
    pixels[:, :8], pixels[:, 8:24], pixels[:, 24:] = 200, (10, 20, 30), 100
    seen = vision.seen(Picture.from_pixels(pixels))
    assert seen.shape == (16, 16, 3)
    # Only the middle is seen, at its own size.
    np.testing.assert_array_equal(seen, np.broadcast_to(np.uint8([10, 20, 30]), (16, 16, 3)))


@pytest.mark.filterwarnings("error")
def test_bars_that_a_processor_adds_show_nothing_and_are_seen_as_they_are():
    """A picture twice as wide as tall gets a bar of a quarter above and below it."""
    from transformers import LlavaImageProcessorPil

    processor = make_processor()
    side = {"height": 16, "width": 16}
    processor.image_processor = LlavaImageProcessorPil(size={"shortest_edge": 16}, crop_size=side, do_pad=True)
    vision = vision_of(processor)
    shares = covered(np.ones((16, 32), dtype=bool), vision)
    assert shares == [[0, 0, 0, 0], [1, 1, 1, 1], [1, 1, 1, 1], [0, 0, 0, 0]]
    assert vision.seen(random_picture(0, rows=16, columns=32)).shape == (16, 16, 3)


def test_tokens_that_are_not_one_to_a_patch_are_refused():
    vision = vision_of(make_processor())
    with pytest.raises(ValueError, match=r"9 tokens shows is not known.*16 x 16 pixels in patches of 4.*by position"):
        vision.coverage(box(slice(0, 4), slice(0, 4)), 9)
    without_patches = vision_of(make_processor(patch=None))
    with pytest.raises(ValueError, match="is not known for this model"):
        without_patches.coverage(box(slice(0, 4), slice(0, 4)), N_PATCHES)


def test_a_processor_whose_pixels_are_no_picture_is_refused():
    vision = vision_of(make_processor())
    vision._processed = lambda images: {"pixel_values": torch.zeros(64, 12)}
    with pytest.raises(ValueError, match=r"pixel values of shape \(64, 12\).*by position"):
        vision.seen(random_picture(0))


# How questions are put


def test_a_question_is_put_as_the_processor_itself_puts_it():
    processor, picture = make_processor(), random_picture(0)
    vision = vision_of(processor)
    question = "Is there a red circle in the image?"
    ids = vision.tokenizer(vision.expanded(vision.chat(question), picture))["input_ids"]
    assert ids == own_ids(processor, question, picture)


def own_ids(processor: Any, question: str, picture: Picture) -> list[int]:
    """What transformers makes of the question and the picture in one call."""
    parts = [{"type": "image", "image": picture.pixels()}, {"type": "text", "text": question}]
    chat = [{"role": "user", "content": parts}]
    read = processor.apply_chat_template(chat, add_generation_prompt=True, tokenize=True, return_dict=True)
    ids = read["input_ids"]
    return ids[0] if isinstance(ids[0], list) else ids


def test_a_start_token_that_template_and_tokenizer_both_put_stands_once():
    processor, picture = make_processor(chat_template="{{ bos_token }}" + CHAT_TEMPLATE), random_picture(0)
    vision = vision_of(processor)
    ids = vision.tokenizer(vision.expanded(vision.chat("Is there a red circle?"), picture))["input_ids"]
    assert ids.count(processor.tokenizer.bos_token_id) == 1


def test_a_start_token_that_the_template_alone_puts_is_kept():
    from tokenizers.processors import TemplateProcessing

    processor, picture = make_processor(chat_template="{{ bos_token }}" + CHAT_TEMPLATE), random_picture(0)
    processor.tokenizer.backend_tokenizer.post_processor = TemplateProcessing(single="$A", special_tokens=[])
    vision = vision_of(processor)
    ids = vision.tokenizer(vision.expanded(vision.chat("Is there a red circle?"), picture))["input_ids"]
    assert ids[0] == processor.tokenizer.bos_token_id


def test_a_missing_chat_template_is_reported():
    with pytest.raises(ValueError, match=r"no chat template.*whole prompts with '<image>' in them"):
        vision_of(make_processor(chat_template=None)).chat("Is there a red circle?")


@pytest.mark.parametrize(("text", "n"), [("USER: Is it?", 0), ("<image> <image> Is it?", 2)])
def test_a_prompt_with_no_or_two_image_tokens_is_refused(text, n):
    vision = vision_of(make_processor())
    with pytest.raises(ValueError, match=f"holds {n} image tokens '<image>': give exactly one"):
        vision.expanded(text, random_picture(0))


# What a model refuses


def changed(prompt: Prompt, **fields: Any) -> PromptSet:
    return PromptSet("one", (replace(prompt, **fields),))


def test_prompts_that_fit_are_taken():
    tiny_vlm().check_prompts(image_pairs())
    tiny_vlm().check_prompts(text_prompts())


def text_prompts(n: int = 4) -> PromptSet:
    """Random words without the image token, in pairs that share their first two."""
    return random_prompts(n, shared_prefix=2, vocabulary=IMAGE_TOKEN)


@pytest.mark.parametrize("side", ["clean", "corrupt"])
def test_image_tokens_without_an_image_are_refused(side):
    prompt = Prompt((5, 6, 7), (5, 6, 8), (1,), (2,))
    with pytest.raises(ValueError, match=r"prompt 0 has 1 image tokens \(3\) and no image: give the image"):
        tiny_vlm().check_prompts(changed(prompt, **{side: (5, IMAGE_TOKEN, 7)}))


def test_an_image_for_a_model_of_text_is_refused(family_model):
    with pytest.raises(ValueError, match="prompt 0 holds an image, and 'tiny-llama' reads text alone"):
        family_model("llama").check_prompts(image_pairs())


@pytest.mark.parametrize("n_tokens", [15, 17])
def test_another_number_of_image_tokens_is_refused(n_tokens):
    with pytest.raises(ValueError, match=rf"prompt 0 has {n_tokens} image tokens .* becomes 16 tokens of 'tiny-llama"):
        tiny_vlm().check_prompts(image_pairs(n_tokens=n_tokens))


@pytest.mark.parametrize("span", [(1, 17), (3, 19), (2, 17), (2, 19)])
def test_image_tokens_elsewhere_than_declared_are_refused(span):
    first, stop = span
    with pytest.raises(ValueError, match=f"expected at positions {first} to {stop - 1}; its image becomes 16 tokens"):
        tiny_vlm().check_prompts(changed(image_pairs(1).prompts[0], image_tokens=span))


def test_a_corrupt_prompt_whose_image_tokens_stand_elsewhere_is_refused():
    prompt = image_pairs(1).prompts[0]
    moved = (IMAGE_TOKEN, *prompt.clean[:2], *prompt.clean[3:])
    assert moved.count(IMAGE_TOKEN) == N_PATCHES
    with pytest.raises(ValueError, match="prompt 0 has 16 image tokens"):
        tiny_vlm().check_prompts(changed(prompt, corrupt=moved))


def test_a_second_image_that_is_not_declared_is_refused():
    prompt = image_pairs(1).prompts[0]
    with pytest.raises(ValueError, match=r"prompt 0 has 17 image tokens"):
        tiny_vlm().check_prompts(changed(prompt, clean=(*prompt.clean[:-1], IMAGE_TOKEN)))


def test_a_negative_prompt_is_checked_as_the_others_are():
    good, (bad,) = image_pairs(1).prompts, changed(Prompt((5, IMAGE_TOKEN), (5, IMAGE_TOKEN), (1,))).prompts
    with pytest.raises(ValueError, match="negative prompt 0 has 1 image tokens"):
        tiny_vlm().check_prompts(PromptSet("labeled", good, (bad,)))


def test_pictures_known_by_their_fingerprint_only_are_refused_before_running():
    prompt = image_pairs(1).prompts[0]
    with pytest.raises(ValueError, match=r"known by its fingerprint only"):
        tiny_vlm().check_prompts(changed(prompt, image=Picture(prompt.image.fingerprint)))


def test_a_model_whose_pass_with_a_picture_is_not_reproduced_takes_text_alone():
    """The projector changes between the module's own pass and the check, as if pictures were embedded otherwise."""
    module = random_vlm()
    loaded = models.with_probes(module, None, vision_of(make_processor()))
    module.model.multi_modal_projector.linear_2.bias.data += 1
    model = models._checked(models.NotFromDisk("odd"), loaded, dtype="float32", device="cpu")
    assert "its forward pass with an image is not reproduced (running a prompt" in model.refusals["images"]
    model.check_prompts(text_prompts())
    with pytest.raises(ValueError, match="prompt 0 holds an image, which cannot be measured on 'odd': its forward"):
        ActivationPatching().score(model, image_pairs(), metric=LOGIT_DIFFERENCE)


def test_a_family_whose_image_tokens_see_each_other_takes_text_alone():
    """With the processor's token types, image tokens attend to later ones; a causal pass is not the model's."""
    module, processor = gemma3()
    ids = torch.tensor([[5, *[IMAGE_TOKEN] * 4, 6, 7]])
    pixels = processor.image_processor(images=[random_picture(0).pixels()], return_tensors="pt")["pixel_values"]
    with torch.no_grad():
        causal, own = (
            module(input_ids=ids, pixel_values=pixels, use_cache=False, **token_types).logits
            for token_types in ({}, {"token_type_ids": (ids == IMAGE_TOKEN).long()})
        )
    assert float((causal - own).abs().max()) > 0.1
    assert "images" in model_from_module(module, processor=processor).refusals


def test_tokens_that_a_processor_puts_around_a_picture_are_kept_or_the_picture_refused():
    module, processor = idefics3()
    model, picture = model_from_module(module, processor=processor), random_picture(0)
    own = processor(images=[[picture.pixels()]], text=["USER: <image> Is"])["input_ids"][0]
    assert AROUND_IMAGE in processor.tokenizer.convert_ids_to_tokens(own)
    if "images" not in model.refusals:
        assert processor.tokenizer(model.vision.expanded("USER: <image> Is", picture))["input_ids"] == own


# Folders that cannot be loaded


def edited(name: str, edit: Callable[[dict[str, Any]], None]) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        values = json.loads((folder / name).read_text())
        edit(values)
        (folder / name).write_text(json.dumps(values))

    return change


def overwritten(name: str, text: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        (folder / name).write_text(text)

    return change


BROKEN: dict[str, Callable[[Path], None]] = {
    "no processor": lambda folder: (folder / "processor_config.json").unlink(),
    "no tokenizer": lambda folder: (folder / "tokenizer.json").unlink(),
    "an empty file": overwritten("processor_config.json", ""),
    "half a file": overwritten("processor_config.json", '{"image_processor": {'),
    "a list": overwritten("processor_config.json", "[]"),
    "a tokenizer of nothing": overwritten("tokenizer.json", "null"),
    "half a tokenizer": overwritten("tokenizer.json", '{"version": '),
    "no patch size": edited("processor_config.json", lambda values: values.update(patch_size=None)),
    "another patch size": edited("processor_config.json", lambda values: values.update(patch_size=8)),
    "two channels": edited("processor_config.json", lambda values: values["image_processor"].update(image_mean=[0, 0])),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_a_broken_processor_is_refused_in_one_line_that_names_the_model(fault, saved, tmp_path):
    folder = tmp_path / "broken-vlm"
    shutil.copytree(saved, folder)
    BROKEN[fault](folder)
    with pytest.raises(ValueError, match="broken-vlm") as caught:
        load_model(str(folder))
    assert "\n" not in str(caught.value)


@pytest.fixture
def unread_weights(monkeypatch):
    """Fails if the weights are read."""
    from transformers import AutoModelForImageTextToText

    def read(*_args, **_settings):
        pytest.fail("the weights were read")

    monkeypatch.setattr(AutoModelForImageTextToText, "from_pretrained", read)


@pytest.mark.usefixtures("unread_weights")
def test_missing_packages_of_a_processor_are_named_before_the_weights_are_read(saved, monkeypatch):
    from transformers import AutoProcessor

    def lacking(*_args, **_settings):
        raise ImportError("LlavaProcessor requires the Torchvision library\nbut it was not found.")

    monkeypatch.setattr(AutoProcessor, "from_pretrained", lacking)
    with pytest.raises(ValueError, match=r"extra 'multimodal' \(pip install .*Torchvision library but it") as caught:
        load_model(str(saved))
    assert "\n" not in str(caught.value)


def test_the_extra_that_is_asked_for_exists():
    import tomllib

    project = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text())["project"]
    assert "multimodal" in project["optional-dependencies"]


@pytest.mark.usefixtures("unread_weights")
def test_a_processor_that_is_only_a_tokenizer_is_refused(saved, monkeypatch):
    from transformers import AutoProcessor

    monkeypatch.setattr(AutoProcessor, "from_pretrained", lambda *_args, **_settings: make_processor().tokenizer)
    with pytest.raises(ValueError, match=r"has no tokenizer: are preprocessor_config\.json"):
        load_model(str(saved))


def test_another_normalization_of_pictures_is_another_model(saved, tmp_path):
    folder = tmp_path / "tiny-vlm"
    shutil.copytree(saved, folder)
    edited("processor_config.json", lambda values: values["image_processor"].update(image_mean=[0, 0, 0]))(folder)
    model, other = load_model(str(saved)), load_model(str(folder))
    prompt = image_pairs(1).prompts[0]
    logits = [forward_logits(each, prompt.clean, prompt.image) for each in (model, other)]
    assert float((logits[0] - logits[1]).abs().max()) > 0.1
    assert model.fingerprint != other.fingerprint


# Text alone


@pytest.fixture(scope="module")
def towers() -> tuple[Model, Model]:
    """A vision-language model, and its text tower as a language model of its own."""
    from transformers import LlamaForCausalLM

    both = random_vlm()
    alone: Any = LlamaForCausalLM(text_config("llama"))
    draw_weights(alone)
    alone.model.load_state_dict(both.model.language_model.state_dict())
    alone.lm_head.load_state_dict(both.lm_head.state_dict())
    return model_from_module(both, processor=make_processor()), model_from_module(alone.eval())


@pytest.mark.parametrize(
    "method",
    [EdgeAttribution(), ExactEdges(), ActivationPatching(at="positions"), CausalTracing()],
    ids=lambda m: m.name,
)
def test_text_scores_as_on_the_text_tower_alone(method, towers):
    scores, expected = (method.score(model, text_prompts(), metric=LOGIT_DIFFERENCE).per_prompt for model in towers)
    np.testing.assert_allclose(scores, expected, atol=1e-5 * np.abs(expected).max())
    assert np.abs(expected).max() > 0.1


def test_the_models_differ_in_reading_images_alone(towers):
    with_images, alone = towers
    assert with_images.wiring == alone.wiring
    assert (with_images.n_vocabulary, with_images.n_outputs) == (alone.n_vocabulary, alone.n_outputs) == (N_WORDS,) * 2
    assert (with_images.description()["reads_images"], alone.description()["reads_images"]) == (True, False)
