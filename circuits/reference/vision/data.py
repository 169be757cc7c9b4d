"""Training data of the reference vision-language model: rows of one image and several texts that do not see each other.

Every text attends to the image and to its own earlier tokens, and its positions go on from the image's. So a row gives
exactly what as many separate rows would, while the image goes through the language model once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from circuits.data.scene_questions import (
    CAPTION_REQUEST,
    Question,
    caption,
    question_text,
    random_negatives,
    shape_question,
    short_question,
    similar_negatives,
)
from circuits.data.scenes import COLORS, KINDS, MOST_OBJECTS, N_PATCHES, SHAPES, Kind, Scene
from circuits.data.tokenizer import Tokenizer
from circuits.reference.data import Ids, layout
from circuits.reference.vision.text import BEFORE_ANSWER, BEFORE_IMAGE, END, IMAGE, START


class Batch(NamedTuple):
    """Texts about several scenes, ready for a model.

    ids        [scene, position]  what is read, image tokens included
    following  [scene, position]  the token to be said next
    is_said    [scene, position]  whether `following` belongs to a caption or an answer, or ends it
    is_answer  [scene, position]  whether it is a Yes or a No
    """

    ids: Ids
    following: Ids
    is_said: NDArray[np.bool_]
    is_answer: NDArray[np.bool_]


class Rows:
    """The plan of a row: the image, a question about a shape alone, questions about kinds, and a caption.

    The last of the questions has the instruction, the others, `short_questions` in number, are without.
    """

    def __init__(self, tokenizer: Tokenizer, short_questions: int) -> None:
        vocabulary = tokenizer.get_vocab()
        self._tokenizer = tokenizer
        self.n_questions = short_questions + 1  # about kinds
        self._words = np.array([[vocabulary[kind.color], vocabulary[kind.shape]] for kind in KINDS])
        self._answers = np.array([vocabulary["No"], vocabulary["Yes"]])
        self._end = vocabulary[END]
        opening = self._ids(f"{START} {BEFORE_IMAGE}") + [vocabulary[IMAGE]] * N_PATCHES
        asked = Kind("{color}", "{shape}")
        forms = [shape_question(asked.shape), *[short_question(asked)] * short_questions, question_text(asked)]
        self._questions = [layout(f"{form} {BEFORE_ANSWER} {{answer}} {END}", tokenizer) for form in forms]
        self._request = self._ids(f"{CAPTION_REQUEST} {BEFORE_ANSWER}")
        longest_caption = self._ids(caption(KINDS[:MOST_OBJECTS]))
        lengths = [len(form.ids) - 1 for form in self._questions] + [len(self._request) + len(longest_caption)]
        self._starts = (len(opening) + np.cumsum([0, *lengths])).tolist()
        self._opening = opening
        self.first_patch = len(opening) - N_PATCHES
        part = np.repeat(np.arange(len(lengths) + 1), [len(opening), *lengths])
        self.positions = np.concatenate([np.arange(len(opening)), *(len(opening) + np.arange(n) for n in lengths)])
        earlier = np.tri(len(part), dtype=bool)
        self.sees = earlier & ((part == 0) | (part == part[:, None]))
        """[reader, read] which positions attend to which."""

    def _ids(self, text: str) -> list[int]:
        return self._tokenizer(text, add_special_tokens=False)["input_ids"]

    def batch(self, scenes: Sequence[Scene], questions: Sequence[Sequence[Question]]) -> Batch:
        """Rows about `scenes`, with a question about a shape and `n_questions` about kinds on each."""
        shape = (len(scenes), self._starts[-1])
        ids, following = np.full(shape, self._end), np.full(shape, self._end)
        is_said, is_answer = np.zeros(shape, dtype=bool), np.zeros(shape, dtype=bool)
        ids[:, : len(self._opening)] = self._opening
        for number, (form, start) in enumerate(zip(self._questions, self._starts, strict=False)):
            asked = [own[number] for own in questions]
            color, word = self._words[[KINDS.index(question.kind) for question in asked]].T
            answer = self._answers[[int(question.is_present) for question in asked]]
            words = {"color": color, "shape": word, "answer": answer}
            filled = form.fill({slot: words[slot] for slot in form.gaps})
            end = start + filled.shape[1] - 1
            ids[:, start:end], following[:, start:end] = filled[:, :-1], filled[:, 1:]
            is_said[:, end - 2 : end] = True
            is_answer[:, end - 2] = True
        for row, scene in enumerate(scenes):
            said = [*self._ids(caption(scene.kinds)), self._end]
            text = [*self._request, *said]
            start = self._starts[-2]
            end = start + len(text) - 1
            ids[row, start:end], following[row, start:end] = text[:-1], text[1:]
            is_said[row, end - len(said) : end] = True
        return Batch(ids, following, is_said, is_answer)


def draw_shape_question(generator: np.random.Generator, present: Sequence[Kind]) -> Question:
    """About the shape of an object of the scene, or one that no object has; as likely as not."""
    one = present[int(generator.integers(len(present)))]
    if generator.random() < 0.5:
        return Question(one, is_present=True)
    absent = [shape for shape in SHAPES if all(kind.shape != shape for kind in present)]
    return Question(Kind(one.color, absent[generator.integers(len(absent))]), is_present=False)


def draw_questions(
    generator: np.random.Generator, present: Sequence[Kind], n: int, *, n_similar: int
) -> list[Question]:
    """`n` questions in random order: half of them about objects of the scene, the others about absent kinds.

    Of the absent kinds `n_similar` have a color or a shape that is there, the rest are any.
    """
    positive = np.resize(generator.permutation(len(present)), n // 2).tolist()
    absent = similar_negatives(present, n_similar, generator)
    absent += random_negatives((*present, *absent), n - n // 2 - len(absent), generator)
    questions = [Question(present[index], is_present=True) for index in positive]
    questions += [Question(kind, is_present=False) for kind in absent]
    return [questions[index] for index in generator.permutation(n)]


def patch_labels(scenes: Sequence[Scene]) -> Ids:
    """[scene, patch, 2] the numbers of the color and the shape there; of neither, their counts."""
    labels = np.tile([len(COLORS), len(SHAPES)], (len(scenes), N_PATCHES, 1))
    for row, scene in zip(labels, scenes, strict=True):
        for thing in scene.objects:
            row[thing.patches()] = list(COLORS).index(thing.kind.color), SHAPES.index(thing.kind.shape)
    return labels
