"""The tokenizer and the processor of the reference vision-language model: one token a word."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from circuits.data.scene_questions import CAPTION_REQUEST, INSTRUCTION, caption, short_question
from circuits.data.scenes import IMAGE_SIZE, KINDS, PATCH_SIZE

if TYPE_CHECKING:
    from transformers import LlavaProcessor, PreTrainedTokenizerFast

START, END, UNKNOWN, IMAGE = "<s>", "</s>", "<unk>", "<image>"
TOKEN = r"[A-Za-z]+|[^\sA-Za-z]"
BEFORE_IMAGE, BEFORE_ANSWER = "USER:", "ASSISTANT:"
PIXEL_MEAN, PIXEL_SPREAD = 0.5, 0.25  # of pixels between 0 and 1, in every channel
# The role, then the parts of its message, as `prompt` puts them.
CHAT_TEMPLATE = """\
{% for message in messages %}{{ message['role'].upper() }}:{% for part in message['content'] %} \
{% if part['type'] == 'image' %}<image>{% else %}{{ part['text'] }}{% endif %}{% endfor %} {% endfor %}\
{% if add_generation_prompt %}ASSISTANT:{% endif %}"""


def prompt(question: str) -> str:
    """What the model reads before it answers; the processor puts one `<image>` for each patch."""
    return f"{BEFORE_IMAGE} {IMAGE} {question} {BEFORE_ANSWER}"


def vocabulary() -> list[str]:
    """Every token in the order of their ids: the special ones, then all words in the order of the alphabet."""
    texts = [prompt(""), INSTRUCTION, CAPTION_REQUEST, "Yes No"]
    texts += [short_question(KINDS[0]), caption(KINDS)]
    tokens = {token for text in texts for token in re.findall(TOKEN, text.replace(IMAGE, ""))}
    return [START, END, UNKNOWN, IMAGE, *sorted(tokens)]


def make_tokenizer() -> PreTrainedTokenizerFast:
    """The word-level tokenizer over `vocabulary`, which begins every text with `<s>`."""
    from tokenizers import Regex, Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Split
    from tokenizers.processors import TemplateProcessing
    from transformers import PreTrainedTokenizerFast

    tokens = {token: number for number, token in enumerate(vocabulary())}
    tokenizer = Tokenizer(WordLevel(tokens, unk_token=UNKNOWN))
    # Inverted: what matches is kept and what stands between, the spaces, is removed.
    tokenizer.pre_tokenizer = Split(Regex(TOKEN), behavior="removed", invert=True)
    tokenizer.post_processor = TemplateProcessing(single=f"{START} $A", special_tokens=[(START, tokens[START])])
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token=START,
        eos_token=END,
        unk_token=UNKNOWN,
        pad_token=END,
        additional_special_tokens=[IMAGE],
        clean_up_tokenization_spaces=False,
    )


def make_processor() -> LlavaProcessor:
    """The tokenizer together with what makes pixel values of pictures; needs pillow, not torchvision."""
    from transformers import CLIPImageProcessorPil, LlavaProcessor

    side = {"height": IMAGE_SIZE, "width": IMAGE_SIZE}
    pictures = CLIPImageProcessorPil(
        size=side,
        crop_size=side,
        image_mean=[PIXEL_MEAN] * 3,
        image_std=[PIXEL_SPREAD] * 3,
    )
    return LlavaProcessor(
        pictures,
        make_tokenizer(),
        patch_size=PATCH_SIZE,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,  # the class token, which "default" leaves out again
        chat_template=CHAT_TEMPLATE,
    )
