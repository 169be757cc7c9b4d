"""Colored Objects: what color the object asked about has, among three colored objects.

"Q: On the table, I see an orange textbook, a red puzzle, and a purple cup. What color is the textbook?\\nA: Orange\\n
Q: On the floor, there is a blue pencil, a black pen, and a yellow lighter. What color is the pencil?\\nA:" -> " Blue"
Form, surfaces, objects and colors: Merullo et al. 2024 (component reuse).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import permutations
from typing import ClassVar

from circuits.citations import MERULLO_2024
from circuits.data.prompts import Prompt
from circuits.data.text_prompts import prompt_from_text
from circuits.data.tokenizer import Tokenizer
from circuits.tasks.base import Draw, Filled, Orders, Task, fill, known, one_of, single_token_words, words

SURFACES = ("table", "desk", "floor")
OPENINGS = ("there is", "you see", "I see")
OBJECTS = words(
    """
    pencil notebook pen cup plate jug mug puzzle textbook leash necklace bracelet bottle ball envelope lighter
    bowl
    """
)
COLORS = words("red orange yellow green blue purple brown black")

_SEEN = "{a_1} {color_1} {object_1}, {a_2} {color_2} {object_2}, and {a_3} {color_3} {object_3}"
QUESTION = f"Q: On the {{surface}}, {{opening}} {_SEEN}. What color is the {{query}}?\nA:"
# In words of this task and of IOI: the bundled models know them.
HELD_OUT_QUESTIONS = (
    f"Q: In the evening {{opening}} {_SEEN} near the {{surface}}. What color is the {{query}}?\nA:",
    f"Q: At the old {{surface}}, {{opening}} {_SEEN}. What was the color of the {{query}}?\nA:",
)
N_OBJECTS = 3
SENTENCE_ROLES = ("color_1", "object_1", "color_2", "object_2", "color_3", "object_3", "query")


@dataclass(frozen=True)
class Scene:
    """Three objects on a surface, with their colors, and the wording of the question about one of them."""

    template: str
    surface: str
    opening: str
    colors: tuple[str, ...]
    objects: tuple[str, ...]

    def ask(self, query: int) -> Filled:
        """The question about object number `query`, up to "A:"."""
        return self.ask_about(self.objects[query])

    def ask_about(self, thing: str) -> Filled:
        """The question about any object, up to "A:"."""
        chosen = {"surface": self.surface, "opening": self.opening, "query": thing}
        for number, (color, seen) in enumerate(zip(self.colors, self.objects, strict=True), start=1):
            chosen |= {f"a_{number}": article(color), f"color_{number}": color, f"object_{number}": seen}
        return fill(self.template, chosen)

    def exchange(self, one: int, other: int) -> Scene:
        """The same with the colors of two objects exchanged."""
        colors = list(self.colors)
        colors[one], colors[other] = colors[other], colors[one]
        return replace(self, colors=tuple(colors))


@dataclass(frozen=True)
class ColoredObjects(Task):
    """One worked question with its answer, then the test question; the two share the wording, no color and no object.

    Roles of the test question: `color_1` to `object_3` in the order of the text, `correct_color` (the answer's color
    word), `wrong_color` (the wrong answer's), `query` (the object word in the question); of the worked one:
    `worked_answer`. The wrong answer is the color that is correct in the corrupt prompt.
    """

    name: ClassVar[str] = "colored-objects"
    cites = (MERULLO_2024,)
    summary: ClassVar[str] = "three colored objects; the answer is the color of the one asked about"
    corruptions: ClassVar[dict[str, str]] = {
        "query": "the question asks about another object of the same sentence: the answer is that one's color",
        "absent": "the question asks about an object of the worked question: the sentence names no color for it",
        "colors": "two objects exchange their colors, one of them the object asked about: the answer flips",
    }
    templates = (QUESTION,)
    right_roles, wrong_roles = "correct_color", "color_* without correct_color"
    held_out_templates = HELD_OUT_QUESTIONS

    def sampler(self, tokenizer: Tokenizer) -> Draw:
        draw_question, said = self._questions(tokenizer)
        return lambda generator: draw_question(generator).prompt(self.corruption, said, tokenizer)

    def orders(self, tokenizer: Tokenizer) -> Orders:
        """The test question with its three objects in all 6 orders, each with its color; the worked one stays."""
        draw_question, said = self._questions(tokenizer)

        def draw(generator: random.Random) -> tuple[Prompt, ...]:
            question = draw_question(generator)
            ways = permutations(range(N_OBJECTS))
            return tuple(question.in_order(way).prompt(self.corruption, said, tokenizer) for way in ways)

        return draw

    def _questions(self, tokenizer: Tokenizer) -> tuple[Callable[[random.Random], _Question], dict[str, int]]:
        """What draws a question, and the tokens of the answers."""
        needed = 2 * N_OBJECTS
        objects = list(single_token_words(OBJECTS, tokenizer, "objects", at_least=needed))
        titles = {color.title(): color for color in COLORS}
        said = single_token_words(list(titles), tokenizer, "colors", at_least=needed, after=("?\nA:",))
        colors = list(single_token_words([titles[t] for t in said], tokenizer, "colors", at_least=needed))
        templates = self.known_templates(tokenizer)
        surfaces, openings = known(SURFACES, tokenizer, "surfaces"), known(OPENINGS, tokenizer, "openings")
        known(list(map(article, colors)), tokenizer, "articles", at_least=len(colors))

        def draw(generator: random.Random) -> _Question:
            template = one_of(templates, generator)
            drawn_colors, drawn_objects = generator.sample(colors, needed), generator.sample(objects, needed)
            worked, test = (
                Scene(template, generator.choice(surfaces), generator.choice(openings), tuple(c), tuple(o))
                for c, o in (
                    (drawn_colors[:N_OBJECTS], drawn_objects[:N_OBJECTS]),
                    (drawn_colors[N_OBJECTS:], drawn_objects[N_OBJECTS:]),
                )
            )
            solved = generator.randrange(N_OBJECTS)
            return _Question(worked, test, solved, *generator.sample(range(N_OBJECTS), 2))

        return draw, said


@dataclass(frozen=True)
class _Question:
    """A worked scene, solved for one of its objects, and the test scene: the object asked about, and another one."""

    worked: Scene
    test: Scene
    solved: int
    asked: int
    other: int

    def in_order(self, way: Sequence[int]) -> _Question:
        """The same with the test scene's objects in another order, each with its color."""
        colors, objects = (tuple(words[n] for n in way) for words in (self.test.colors, self.test.objects))
        test = replace(self.test, colors=colors, objects=objects)
        return replace(self, test=test, asked=way.index(self.asked), other=way.index(self.other))

    def prompt(self, corruption: str, said: Mapping[str, int], tokenizer: Tokenizer) -> Prompt:
        """The prompt, with `said` the tokens of the colors as answers."""
        test, asked, other = self.test, self.asked, self.other
        worked_answer = self.worked.colors[self.solved]
        before = f"{self.worked.ask(self.solved).text} {worked_answer.title()}\n"
        question = test.ask(asked)
        changed = {
            "query": lambda: test.ask(other),
            "absent": lambda: test.ask_about(self.worked.objects[self.solved]),
            "colors": lambda: test.exchange(asked, other).ask(asked),
        }[corruption]()
        return prompt_from_text(
            before + question.text,
            before + changed.text,
            answers=[said[test.colors[asked].title()]],
            wrong_answers=[said[test.colors[other].title()]],
            roles=roles(before, question, worked_answer, asked, other),
            tokenizer=tokenizer,
        )


def roles(before: str, question: Filled, worked_answer: str, asked: int, other: int) -> dict[str, tuple[int, int]]:
    """Characters of each role in `before` (the worked question with its answer) and the question behind it."""
    start, end_of_answer = len(before), len(before.rstrip())
    spans = {role: (start + first, start + stop) for role, (first, stop) in question.roles(SENTENCE_ROLES).items()}
    return spans | {
        "worked_answer": (end_of_answer - len(worked_answer), end_of_answer),
        "correct_color": spans[f"color_{asked + 1}"],
        "wrong_color": spans[f"color_{other + 1}"],
    }


def article(color: str) -> str:
    """The article before `color`: "an" before a vowel."""
    return "an" if color[0] in "aeiou" else "a"
