"""How often the vision-language model answers right, by sort of negative as in POPE, and what absent objects it names,
as CHAIR has it (`circuits.injection.chair`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from transformers import LlavaForConditionalGeneration

from circuits.data.scene_questions import (
    CAPTION_REQUEST,
    Question,
    adversarial_negatives,
    count_kinds,
    popular_negatives,
    random_negatives,
)
from circuits.data.scenes import KINDS, MOST_OBJECTS, Kind, Scene, draw_scenes, images
from circuits.injection.chair import ObjectNames, chair
from circuits.intervals import Share
from circuits.reference.vision.text import prompt

HELD_OUT_SEED = 3000  # training seeds its generator with two numbers, so none of its seeds gives these scenes
_BATCH = 100
_LONGEST_CAPTION = 4 * MOST_OBJECTS + 1
_KINDS = {str(kind): kind for kind in KINDS}
_NAMES = ObjectNames(_KINDS)


class Answers(NamedTuple):
    """How many questions are answered right: about present objects, and about absent ones of every sort."""

    positive: Share
    negative: Mapping[str, Share]

    def accuracy(self, sort: str) -> Share:
        """Over positives and as many negatives of one sort."""
        return self.positive + self.negative[sort]


class Captions(NamedTuple):
    """What captions name.

    absent_named    objects named that are absent, of all named
    with_absent     captions that name such a one, of all captions
    present_named   objects of the scenes that are named, of all objects
    """

    absent_named: Share
    with_absent: Share
    present_named: Share


def measure_answers(
    model: LlavaForConditionalGeneration, processor: Any, generator: np.random.Generator, *, n_scenes: int
) -> Answers:
    """Ask about one present object and one absent kind of every sort, in each of `n_scenes` new scenes.

    An answer is right where it is the most likely token of the whole vocabulary.
    """
    frequencies = count_kinds()
    scenes = draw_scenes(generator, n_scenes)
    asked: dict[str, list[Kind]] = {"positive": [], "random": [], "popular": [], "adversarial": []}
    for present in (scene.kinds for scene in scenes):
        asked["positive"].append(present[generator.integers(len(present))])
        asked["random"] += random_negatives(present, 1, generator)
        asked["popular"] += popular_negatives(present, 1, frequencies)
        asked["adversarial"] += adversarial_negatives(present, 1, frequencies)
    right = {}
    for sort, kinds in asked.items():
        questions = [Question(kind, is_present=sort == "positive") for kind in kinds]
        said = next_words(model, processor, scenes, [question.text for question in questions])
        n_right = sum(word == question.answer for word, question in zip(said, questions, strict=True))
        right[sort] = Share(n_right, len(questions))
    return Answers(right.pop("positive"), right)


def measure_captions(
    model: LlavaForConditionalGeneration, processor: Any, generator: np.random.Generator, *, n_scenes: int
) -> Captions:
    """Let the model describe each of `n_scenes` new scenes, always with the most likely word."""
    scenes = draw_scenes(generator, n_scenes)
    present = [{str(kind) for kind in scene.kinds} for scene in scenes]
    rates = chair(captions(model, processor, scenes), present, _NAMES)
    return Captions(absent_named=rates.instance, with_absent=rates.sentence, present_named=rates.recall)


@torch.no_grad()
def next_words(
    model: LlavaForConditionalGeneration, processor: Any, scenes: Sequence[Scene], questions: Sequence[str]
) -> list[str]:
    """The most likely first word of the answer to each question about its scene. Questions of one length."""
    words = []
    for part, texts in _batches(scenes, questions):
        inputs = processor(images=list(images(part)), text=[prompt(text) for text in texts], return_tensors="pt")
        logits = model(**inputs, logits_to_keep=1).logits[:, -1]
        words += processor.tokenizer.convert_ids_to_tokens(logits.argmax(dim=-1).tolist())
    return words


@torch.no_grad()
def captions(model: LlavaForConditionalGeneration, processor: Any, scenes: Sequence[Scene]) -> list[str]:
    """What the model says when asked to describe each scene."""
    texts = []
    for part, requests in _batches(scenes, [CAPTION_REQUEST] * len(scenes)):
        inputs = processor(images=list(images(part)), text=[prompt(text) for text in requests], return_tensors="pt")
        generate: Any = model.generate  # pyright: ignore[reportAttributeAccessIssue]
        said = generate(**inputs, max_new_tokens=_LONGEST_CAPTION, do_sample=False)
        texts += processor.tokenizer.batch_decode(said[:, inputs["input_ids"].shape[1] :], skip_special_tokens=True)
    return texts


def kinds_named(text: str) -> list[Kind]:
    """The kinds that a caption names."""
    return [_KINDS[name] for name in _NAMES.mentions(text)]


def _batches(scenes: Sequence[Scene], texts: Sequence[str]) -> Iterator[tuple[Sequence[Scene], Sequence[str]]]:
    for start in range(0, len(scenes), _BATCH):
        yield scenes[start : start + _BATCH], texts[start : start + _BATCH]
