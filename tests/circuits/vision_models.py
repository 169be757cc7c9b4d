"""Tiny vision-language models and prompts with pictures: random ones, and one written by hand into weights."""

from __future__ import annotations

import random
from functools import lru_cache
from typing import Any

import numpy as np
import torch

from circuits.data.images import Picture
from circuits.data.prompts import Prompt, PromptSet
from circuits.model.load import Model, model_from_module
from circuits.reference.vision.text import CHAT_TEMPLATE, make_tokenizer

SIDE, PATCH = 16, 4
"""Side lengths in pixels of a picture and of a patch of the tiny models: 4 x 4 patches."""
N_PATCHES = (SIDE // PATCH) ** 2
N_WORDS = 41
IMAGE_TOKEN = 3


def make_processor(
    *,
    patch: int | None = PATCH,
    strategy: str = "default",
    has_class_token: bool = True,
    chat_template: str | None = CHAT_TEMPLATE,
    tokenizer: Any = None,
    **resizing: Any,
) -> Any:
    """The processor of a tiny model; `resizing` overrides defaults of the image processor."""
    from transformers import CLIPImageProcessorPil, LlavaProcessor

    side = {"height": SIDE, "width": SIDE}
    usual: dict[str, Any] = {"size": side, "crop_size": side, "image_mean": [0.4, 0.5, 0.6], "image_std": [0.25] * 3}
    return LlavaProcessor(
        CLIPImageProcessorPil(**(usual | resizing)),
        make_tokenizer() if tokenizer is None else tokenizer,
        patch_size=patch,
        vision_feature_select_strategy=strategy,
        num_additional_image_tokens=int(has_class_token),
        chat_template=chat_template,
    )


def random_vlm(
    text: str = "llama", *, tower: str = "clip", strategy: str = "default", n_layers: int = 2, n_heads: int = 4
) -> Any:
    """A tiny LLaVA with random weights, large enough that every part matters; two query heads per key-value head."""
    from transformers import LlavaConfig, LlavaForConditionalGeneration

    config = LlavaConfig(
        vision_config=_vision_config(tower),
        text_config=text_config(text, n_layers=n_layers, n_heads=n_heads),
        image_token_index=IMAGE_TOKEN,
        vision_feature_layer=-1,
        vision_feature_select_strategy=strategy,
    )
    torch.manual_seed(0)
    module: Any = LlavaForConditionalGeneration(config)
    draw_weights(module)
    return module.eval()


def draw_weights(module: Any) -> None:
    """Weights of a size at which neither attention nor MLPs are negligible, or saturated."""
    for name, parameter in module.named_parameters():
        torch.nn.init.normal_(parameter, std=0.25 if parameter.ndim > 1 else 0.3)
        if parameter.ndim == 1 and "weight" in name:
            parameter.data += 1


def text_config(family: str, *, n_layers: int = 2, n_heads: int = 4) -> Any:
    """The configuration of a tiny text tower."""
    import transformers as tf

    shape: dict[str, Any] = {
        "vocab_size": N_WORDS,
        "hidden_size": 32,
        "num_hidden_layers": n_layers,
        "num_attention_heads": n_heads,
        "num_key_value_heads": n_heads // 2,
        "intermediate_size": 48,
        "max_position_embeddings": 64,
        "bos_token_id": 0,
        "eos_token_id": 1,
    }
    configs = {
        "llama": lambda: tf.LlamaConfig(**shape),
        "mistral": lambda: tf.MistralConfig(**shape, sliding_window=6),
        "qwen2": lambda: tf.Qwen2Config(**shape),
    }
    return configs[family]()


def _vision_config(tower: str) -> Any:
    from transformers import CLIPVisionConfig, SiglipVisionConfig

    shape: dict[str, Any] = {
        "hidden_size": 24,
        "intermediate_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "image_size": SIDE,
        "patch_size": PATCH,
    }
    return CLIPVisionConfig(**shape, projection_dim=24) if tower == "clip" else SiglipVisionConfig(**shape)


def random_picture(seed: int, *, rows: int = SIDE, columns: int = SIDE) -> Picture:
    generator = np.random.default_rng(seed)
    return Picture.from_pixels(generator.integers(0, 256, (rows, columns, 3), dtype=np.uint8))


def image_pairs(
    n: int = 4, *, n_tokens: int = N_PATCHES, n_before: int = 2, text_differs: bool = False, seed: int = 0
) -> PromptSet:
    """Random words around pictures that differ between clean and corrupt; two lengths, some answers before the end."""
    draw, prompts = random.Random(seed), []
    words = [token for token in range(N_WORDS) if token != IMAGE_TOKEN]
    for number in range(n):
        before = draw.choices(words, k=n_before)
        after = draw.choices(words, k=4 + number % 2)
        other = draw.choices(words, k=len(after)) if text_differs else after
        answer, wrong = draw.sample(words, 2)
        stop = n_before + n_tokens
        length = stop + len(after)
        prompts.append(
            Prompt(
                (*before, *[IMAGE_TOKEN] * n_tokens, *after),
                (*before, *[IMAGE_TOKEN] * n_tokens, *other),
                (answer,),
                (wrong,),
                answer_position=length - 1 - number % 3 // 2,
                roles={"early": (n_before, n_before + 1), "image": tuple(range(n_before, stop)), "word": (stop,)},
                image=random_picture(2 * number + 100 * seed),
                corrupt_image=random_picture(2 * number + 1 + 100 * seed),
                image_tokens=(n_before, stop),
            )
        )
    return PromptSet("pictures", tuple(prompts))


@lru_cache
def tiny_vlm(text: str = "llama", tower: str = "clip", strategy: str = "default") -> Model:
    """A loaded tiny random vision-language model, built once."""
    processor = make_processor(strategy=strategy, has_class_token=tower == "clip")
    module = random_vlm(text, tower=tower, strategy=strategy)
    return model_from_module(module, processor=processor, name=f"tiny-{text}-{tower}")


# A model written by hand. Channels of its text tower's stream:
TEXT, AT_END, IS_IMAGE, BRIGHT, ANSWER = range(5)
MOVER = "a1.h1"


@lru_cache
def bright_vlm() -> Model:
    """Is there something bright in the picture? Only head a1.h1 moves anything from the picture to the last token.

    The vision tower gives each patch the sign of its brightness (gray is 0), and the projector writes it into
    BRIGHT at the patch's token, beside a 1 in IS_IMAGE. Words write a 1 into TEXT, and `:`, the last word of the chat
    template, into AT_END. In layer 1, head 1 queries for IS_IMAGE where AT_END is set: it attends to all image tokens
    alike, and adds the mean of BRIGHT to ANSWER, which the unembedding reads as Yes, and as not No. All other heads
    and all MLPs have zero weights.
    """
    module = _empty_vlm()
    _write_vision_tower(module)
    _write_mover(module)
    # Gray is in the middle of the scale, so that it becomes 0.
    processor = make_processor(image_mean=[128 / 255] * 3, image_std=[0.25] * 3)
    return model_from_module(module, processor=processor, name="bright-vlm")


def _empty_vlm() -> Any:
    """Two layers of two heads, all weights zero but for those of norms."""
    from transformers import CLIPVisionConfig, LlamaConfig, LlavaConfig, LlavaForConditionalGeneration

    vision = CLIPVisionConfig(
        hidden_size=8,
        intermediate_size=8,
        num_hidden_layers=1,
        num_attention_heads=2,
        image_size=SIDE,
        patch_size=PATCH,
        projection_dim=8,
    )
    text = LlamaConfig(
        vocab_size=N_WORDS,
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
        intermediate_size=8,
        max_position_embeddings=64,
        bos_token_id=0,
        eos_token_id=1,
        rope_parameters={"rope_type": "default", "rope_theta": 1e12},
    )
    config = LlavaConfig(
        vision_config=vision,
        text_config=text,
        image_token_index=IMAGE_TOKEN,
        vision_feature_layer=-1,
        vision_feature_select_strategy="default",
        projector_hidden_act="linear",
    )
    module: Any = LlavaForConditionalGeneration(config)
    for name, parameter in module.named_parameters():
        is_norm = "norm" in name and name.endswith("weight")
        torch.nn.init.constant_(parameter, 1.0 if is_norm else 0.0)
    return module.eval()


def _write_vision_tower(module: Any) -> None:
    """Brightness in two channels of opposite signs, of which the norm keeps only the sign; one of them is projected."""
    patches = module.model.vision_tower.embeddings.patch_embedding.weight.data
    patches[0], patches[1] = 1.0, -1.0
    projector = module.model.multi_modal_projector
    projector.linear_1.weight.data[0, 0] = 1.0
    projector.linear_2.weight.data[BRIGHT, 0] = (
        0.1  # small, so that bright, dark and gray patches are attended to alike
    )
    projector.linear_2.bias.data[IS_IMAGE] = 1.0


def _write_mover(module: Any) -> None:
    words = module.model.language_model.embed_tokens.weight.data
    words[:, TEXT] = 1.0
    words[make_tokenizer().get_vocab()[":"], AT_END] = 1.0
    attention = module.model.language_model.layers[1].self_attn
    # Head 1 has rows 8 to 15; its dimension 3 turns by 1e-9 from one position to the next, so position has no effect.
    attention.q_proj.weight.data[8 + 3, AT_END] = 2.0
    attention.k_proj.weight.data[8 + 3, IS_IMAGE] = 2.0
    attention.v_proj.weight.data[8, BRIGHT] = 1.0
    attention.o_proj.weight.data[ANSWER, 8] = 10.0
    vocabulary = make_tokenizer().get_vocab()
    module.lm_head.weight.data[vocabulary["Yes"], ANSWER] = 3.0
    module.lm_head.weight.data[vocabulary["No"], ANSWER] = -3.0


def patch_picture(value: int, patches: tuple[int, ...]) -> Picture:
    """A gray picture with some patches of another brightness."""
    pixels = np.full((SIDE, SIDE, 3), 128, dtype=np.uint8)
    for patch in patches:
        row, column = PATCH * (patch // 4), PATCH * (patch % 4)
        pixels[row : row + PATCH, column : column + PATCH] = value
    return Picture.from_pixels(pixels)


def bright_questions() -> PromptSet:
    """A square that is white, and black in the corrupt picture: two patches in the second row, or the middle four."""
    from circuits.data.image_prompts import ImageQuestion, image_prompts

    questions = []
    for patches in ((5, 6), (5, 6, 9, 10)):
        mask = patch_picture(255, patches).pixels()[:, :, 0] == 255
        text = "Is there a white square in the image?"
        pictures = [patch_picture(value, patches) for value in (255, 0)]
        questions.append(
            ImageQuestion(pictures[0], text, "white square", is_present=True, mask=mask, corrupt_picture=pictures[1])
        )
    vision = bright_vlm().vision
    assert vision is not None
    return image_prompts("bright", questions, vision)


# Families that take pictures in another way than LLaVA: their tiny modules with their processors.


def idefics3() -> tuple[Any, Any]:
    """Its processor puts a picture's tokens between tokens of their own."""
    import transformers as tf

    tokenizer = make_tokenizer()
    tokenizer.add_special_tokens({"additional_special_tokens": [AROUND_IMAGE, "<global-img>", "<end_of_utterance>"]})
    side = {"longest_edge": SIDE}
    pictures = tf.Idefics3ImageProcessorPil(size=side, max_image_size=side, do_image_splitting=False)
    config = tf.Idefics3Config(
        image_token_id=IMAGE_TOKEN,
        vision_config=_TOWER,
        text_config=text_config("llama").to_dict() | {"vocab_size": len(tokenizer)},
        scale_factor=2,
        pad_token_id=1,  # pyright: ignore[reportCallIssue]
    )
    torch.manual_seed(0)
    module: Any = tf.Idefics3ForConditionalGeneration(config)
    draw_weights(module)
    return module.eval(), tf.Idefics3Processor(pictures, tokenizer, image_seq_len=4, chat_template=CHAT_TEMPLATE)


AROUND_IMAGE = "<fake_token_around_image>"
_TOWER: dict[str, Any] = {
    "hidden_size": 24,
    "intermediate_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "image_size": SIDE,
    "patch_size": PATCH,
}


def gemma3() -> tuple[Any, Any]:
    """Its processor says which tokens are a picture's, and these attend to each other, later ones included."""
    import transformers as tf

    tokenizer: Any = make_tokenizer()
    names = {"boi_token": "<start_of_image>", "eoi_token": "<end_of_image>"}
    tokenizer.add_special_tokens({"additional_special_tokens": list(names.values())})
    for name, token in {**names, "image_token": "<image>"}.items():
        setattr(tokenizer, name, token)
        setattr(tokenizer, f"{name}_id", tokenizer.convert_tokens_to_ids(token))
    pictures = tf.Gemma3ImageProcessorPil(size={"height": SIDE, "width": SIDE})
    shape = text_config("llama")
    config = tf.Gemma3Config(
        text_config=tf.Gemma3TextConfig(
            vocab_size=len(tokenizer),
            hidden_size=shape.hidden_size,
            num_hidden_layers=shape.num_hidden_layers,
            num_attention_heads=shape.num_attention_heads,
            num_key_value_heads=shape.num_key_value_heads,
            head_dim=8,
            intermediate_size=shape.intermediate_size,
            query_pre_attn_scalar=8,
            pad_token_id=1,
            sliding_window=64,
        ),
        vision_config=tf.SiglipVisionConfig(**_TOWER, vision_use_head=False),
        mm_tokens_per_image=4,
        image_token_index=IMAGE_TOKEN,
    )
    torch.manual_seed(0)
    module: Any = tf.Gemma3ForConditionalGeneration(config)
    draw_weights(module)
    return module.eval(), tf.Gemma3Processor(pictures, tokenizer, image_seq_length=4, chat_template=CHAT_TEMPLATE)
