"""Questions about objects in images, as prompts whose tokens fall into seven categories (Li et al., arXiv 2511.05923).

    early-visual    image tokens before the object's first      early-textual   text before the object's name
    object-visual   image tokens that show the object           textual-object  the object's name
    late-visual     the other image tokens                      late-textual    text after it, except
                                                                END             the last token, where the answer is read

They partition the prompt. An image is read in raster order, so image tokens beside the object come after its first one
and count as late: they can attend to part of it. Text in front of the image is early. Where the object is not in the
image, or its region is not known, all image tokens are `visual`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from circuits.data.images import Picture
from circuits.data.prompts import END, Prompt, PromptSet
from circuits.data.regions import patches_of
from circuits.data.text_prompts import prompt_from_text
from circuits.numbers import count_text

if TYPE_CHECKING:
    from circuits.data.image_processor import Vision

VISUAL = ("early-visual", "object-visual", "late-visual")
TEXTUAL = ("early-textual", "textual-object", "late-textual")
CATEGORIES = (*VISUAL, *TEXTUAL, END)
WHOLE_IMAGE = "visual"
YES, NO = " Yes", " No"


@dataclass(frozen=True, eq=False)
class ImageQuestion:
    """Whether an object is in an image.

    text             the question, which contains the object's name
    object_name      the object asked about
    is_present       whether the answer is yes
    mask             [row, column] of the picture: the pixels of the object; None where it is absent or not known
    corrupt_picture  of as many tokens, with the opposite answer; None without one
    sort             of an absent object: how it was chosen (`random`, `popular`, `adversarial`); else None
    source           where the picture comes from, for messages
    objects          names of all objects in the picture; None where that is not known
    """

    picture: Picture
    text: str
    object_name: str
    is_present: bool
    mask: NDArray[np.bool_] | None = None
    corrupt_picture: Picture | None = None
    sort: str | None = None
    source: str = "the picture"
    objects: tuple[str, ...] | None = None


def image_prompts(name: str, questions: Sequence[ImageQuestion], vision: Vision) -> PromptSet:
    """The questions as prompts of a model. ValueError that names all questions that cannot be asked."""
    prompts, faults = [], []
    for number, question in enumerate(questions):
        try:
            prompts.append(image_prompt(question, vision))
        except ValueError as error:
            faults.append(f"  question {number} ({question.source}, {question.object_name!r}): {error}")
    if faults:
        shown = [*faults[:20], *([f"  ... and {len(faults) - 20} more"] if len(faults) > 20 else [])]
        raise ValueError(
            f"{name}: {len(faults)} of {count_text(len(questions), 'question')} cannot be asked.\n" + "\n".join(shown)
        )
    return PromptSet(name, tuple(prompts))


def image_prompt(question: ImageQuestion, vision: Vision) -> Prompt:
    """One question as a prompt, with the categories of its tokens as roles."""
    text = vision.expanded(vision.chat(question.text), question.picture)
    answer, wrong = (YES, NO) if question.is_present else (NO, YES)
    words = {"textual-object": _span(question, text)}
    plain = prompt_from_text(
        text, text, answers=[answer], wrong_answers=[wrong], roles=words, tokenizer=vision.tokenizer
    )
    first, stop = _image_tokens(plain.clean, vision.image_token_id)
    roles = _visual(question, vision, first, stop) | _textual(plain, first, stop)
    return Prompt(
        plain.clean,
        plain.corrupt,
        plain.answers,
        plain.wrong_answers,
        plain.answer_position,
        {role: positions for role, positions in roles.items() if positions},
        question.picture,
        question.corrupt_picture,
        (first, stop),
    )


def _span(question: ImageQuestion, text: str) -> tuple[int, int]:
    """The characters of `text` that name the object."""
    start = text.rfind(question.text)
    named = re.search(rf"\b{re.escape(question.object_name)}\b", question.text)
    if start < 0 or named is None:
        raise ValueError(f"the question {question.text!r} does not name {question.object_name!r}.")
    return start + named.start(), start + named.end()


def _image_tokens(ids: Sequence[int], image_token_id: int) -> tuple[int, int]:
    """First position of the image, and the one after its last."""
    positions = [position for position, token in enumerate(ids) if token == image_token_id]
    if not positions or positions[-1] - positions[0] + 1 != len(positions):
        raise ValueError(f"the image's {len(positions)} tokens are not contiguous, as their categories require.")
    return positions[0], positions[-1] + 1


def _visual(question: ImageQuestion, vision: Vision, first: int, stop: int) -> dict[str, tuple[int, ...]]:
    """Image tokens before, of and beside the object."""
    if question.mask is None:
        return {WHOLE_IMAGE: tuple(range(first, stop))}
    size = question.picture.pixels().shape[:2]
    if question.mask.shape != size:
        rows, columns = question.mask.shape
        raise ValueError(f"the object's mask is {rows} x {columns}, its image {size[0]} x {size[1]} pixels.")
    shares = vision.coverage(question.mask, stop - first)
    # A model that keeps a token for the whole image puts it first.
    start = stop - shares.size
    own = tuple(int(start + patch) for patch in patches_of(shares))
    others = [position for position in range(first, stop) if position not in own]
    early, late = (tuple(position for position in others if (position < own[0]) is before) for before in (True, False))
    return dict(zip(VISUAL, (early, own, late), strict=True))


def _textual(prompt: Prompt, first: int, stop: int) -> dict[str, tuple[int, ...]]:
    """Text tokens before, of and after the object's name. The last token is END."""
    named = prompt.roles["textual-object"]
    text = [position for position in range(len(prompt) - 1) if not first <= position < stop]
    early = tuple(position for position in text if position < named[0])
    late = tuple(position for position in text if position > named[-1])
    return dict(zip(TEXTUAL, (early, tuple(position for position in named if position in text), late), strict=True))
