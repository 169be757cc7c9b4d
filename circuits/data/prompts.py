"""Prompt sets: clean and corrupt prompts that align token for token, their answers and the roles of their tokens.
Positives and negatives without partners are supported as well; `circuits.data.prompt_files` reads both from files.

Patching moves an activation from a position of one prompt to the same position of the other, so both must have the
same number of tokens; everything here is checked before a model runs, and errors name the prompt and the token.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Any, NamedTuple

from circuits.cached import cached_property
from circuits.data import text_checks
from circuits.data.answers import Answer, answer_of, as_json, continuations_of, require_distinct, tokens_of
from circuits.data.faults import Faults, each
from circuits.data.images import Picture
from circuits.data.text_checks import PromptWarning
from circuits.numbers import count_text

END = "END"
NO_ANSWER = "no answer is given: `answers` needs at least one token."


class _AtAnswer(tuple[int, ...]):
    """The role END as a prompt gives it to itself: a copy with another answer position gives itself another."""


class Origin(NamedTuple):
    """A line of a file that a prompt was read from, counted from 1.

    >>> from circuits.data.prompts import Origin
    >>> str(Origin("own.csv", 3))
    'line 3 of own.csv'
    """

    file: str
    line: int

    def __str__(self) -> str:
        return f"line {self.line} of {self.file}"


@dataclass(frozen=True)
class Prompt:
    """One clean prompt with its corruption, as token ids.

    answers, wrong_answers  token ids; metrics take several together. `wrong_answers` may be empty. An answer of several
                            tokens is a tuple of ids, read teacher-forced after the prompt's last token
    answer_position         where the answer is predicted: the logits at this position are read
    roles                   name -> positions, such as {"IO": (2,), "END": (14,)}
    image, corrupt_image    what stands in the prompt and in its corruption, for models that read images; without a
                            corrupt one, both show the same
    image_tokens            first position of the image's tokens, and the one after the last
    warnings                what is doubtful about it; no part of what the prompt is
    origin                  the line of a file that it was read from; no part of it either

    >>> from circuits import Prompt
    >>> prompt = Prompt(clean=(5, 7, 5), corrupt=(5, 8, 5), answers=(7,), wrong_answers=(8,), roles={"first": (1,)})
    >>> prompt.first_difference, prompt.answer_position
    (1, 2)
    >>> prompt.continuations, prompt.has_long_answers, prompt.n_positions
    (((),), False, 3)
    >>> prompt.swapped().clean, prompt.as_json()["answer_ids"]
    ((5, 8, 5), [7])
    """

    clean: tuple[int, ...]
    corrupt: tuple[int, ...]
    answers: tuple[Answer, ...]
    wrong_answers: tuple[Answer, ...] = ()
    answer_position: int = -1
    roles: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    image: Picture | None = None
    corrupt_image: Picture | None = None
    image_tokens: tuple[int, int] | None = None
    warnings: tuple[PromptWarning, ...] = field(default=(), compare=False)
    origin: Origin | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        if not self.clean:
            raise ValueError("the clean prompt is empty.")
        faults = Faults()
        if len(self.clean) != len(self.corrupt):
            faults.add(
                f"clean has {count_text(len(self.clean), 'token')}, corrupt {len(self.corrupt)}; patching needs "
                f"one-to-one "
                "positions. Choose words of equal token length."
            )
        faults.in_call(self._set_answers)
        faults.in_call(self._set_roles)
        faults.in_call(self._check_image)
        faults.raise_any()

    def _set_answers(self) -> None:
        faults = Faults()
        if not self.answers:
            faults.add(NO_ANSWER)
        sides = ([faults.in_call(answer_of, answer) for answer in side] for side in (self.answers, self.wrong_answers))
        right, wrong = (tuple(answer for answer in side if answer is not None) for side in sides)
        faults.in_call(require_distinct, right, wrong)
        faults.raise_any()
        object.__setattr__(self, "answers", right)
        object.__setattr__(self, "wrong_answers", wrong)

    def _set_roles(self) -> None:
        """Set the answer's position and the roles, whose positions are those of the clean prompt."""
        faults = Faults()
        if not -len(self.clean) <= self.answer_position < len(self.clean):
            faults.add(
                f"answer_position is {self.answer_position}, but the prompt has {count_text(len(self.clean), 'token')}."
            )
        object.__setattr__(self, "answer_position", self.answer_position % len(self.clean))
        is_long = any(
            isinstance(answer, (tuple, list)) and len(answer) > 1 for answer in (*self.answers, *self.wrong_answers)
        )
        if not faults.said and is_long and self.answer_position != len(self.clean) - 1:
            faults.add(
                f"answer_position is {self.answer_position}, and an answer has several tokens, which follow the last "
                f"token of the prompt, {len(self.clean) - 1}. Leave answer_position out."
            )
        own = _AtAnswer((self.answer_position,))
        given = {role: at for role, at in self.roles.items() if not isinstance(at, _AtAnswer)}
        roles: dict[str, tuple[int, ...]] = {END: own} | {role: tuple(at) for role, at in given.items()}
        for role, at in roles.items():
            if not at or not all(0 <= position < len(self.clean) for position in at):
                faults.add(
                    f"role {role!r} is at positions {list(at)}, but the prompt has "
                    f"{count_text(len(self.clean), 'token')}, 0 to "
                    f"{len(self.clean) - 1}."
                )
        object.__setattr__(self, "roles", roles | ({END: own} if roles[END] == own else {}))
        faults.raise_any()

    def _check_image(self) -> None:
        if self.image is None:
            if self.corrupt_image is not None or self.image_tokens is not None:
                raise ValueError("corrupt_image or image_tokens is given, but no image.")
            return
        first, stop = self.image_tokens or (0, 0)
        if not 0 <= first < stop <= len(self.clean):
            raise ValueError(
                f"image_tokens is {self.image_tokens}, expected the first position of the image's tokens and the one "
                f"after the last, within the prompt's {len(self.clean)}."
            )

    def __len__(self) -> int:
        return len(self.clean)

    @cached_property
    def continuations(self) -> tuple[tuple[int, ...], ...]:
        """What follows the prompt in each run that reading its answers takes: `((),)` where all are single tokens."""
        return continuations_of(self.answers + self.wrong_answers)

    @property
    def has_long_answers(self) -> bool:
        """Whether an answer, right or wrong, has several tokens."""
        return self.continuations != ((),)

    @cached_property
    def n_positions(self) -> int:
        """Tokens of the longest run that reading its answers takes; those of the prompt where all are single tokens."""
        return len(self) + max(map(len, self.continuations))

    @property
    def first_difference(self) -> int:
        """First position at which clean and corrupt differ; the length where they do not."""
        pairs = enumerate(zip(self.clean, self.corrupt, strict=True))
        first = next((position for position, (clean, corrupt) in pairs if clean != corrupt), len(self))
        if self.image_tokens is not None and self.corrupt_image not in (None, self.image):
            return min(first, self.image_tokens[0])
        return first

    def swapped(self) -> Prompt:
        """Clean and corrupt exchanged, answers unchanged."""
        images = {} if self.corrupt_image is None else {"image": self.corrupt_image, "corrupt_image": self.image}
        return replace(self, clean=self.corrupt, corrupt=self.clean, **images)

    def as_json(self) -> dict[str, Any]:
        """The prompt in the JSONL form of token ids."""
        return {
            "clean_ids": list(self.clean),
            "corrupt_ids": list(self.corrupt),
            "answer_ids": [as_json(answer) for answer in self.answers],
            "wrong_answer_ids": [as_json(answer) for answer in self.wrong_answers],
            "answer_position": self.answer_position,
            "roles": {role: list(at) for role, at in self.roles.items()},
        } | self._image_as_json()

    def _image_as_json(self) -> dict[str, Any]:
        """What is shown, by fingerprint; nothing for a prompt of text alone."""
        shown = {"image": self.image, "corrupt_image": self.corrupt_image}
        record: dict[str, Any] = {name: image.fingerprint for name, image in shown.items() if image is not None}
        return record if self.image_tokens is None else record | {"image_tokens": list(self.image_tokens)}


@dataclass(frozen=True)
class PromptSet:
    """Prompts of one task, in a fixed order. Lengths may differ.

    prompts    pairs, clean and corrupt; or positives without a partner, whose corrupt side is the clean one
    negatives  of positives without partners: prompts in which the model should not give the answer. Empty for pairs
    notes      what was found where they were read, such as lines that were left out
    n_drawn    how many were drawn to find these, where only those that a model solves were kept; None: all were kept
    n_kept     of a part: how many were kept in all

    >>> from circuits import Prompt, PromptSet
    >>> prompts = PromptSet("copies", (Prompt((5, 7, 5), (5, 8, 5), answers=(7,), wrong_answers=(8,)),))
    >>> prompts, prompts.chance
    (<PromptSet copies: 1 pairs of up to 3 tokens>, 0.5)
    >>> prompts.is_paired, prompts.n_distinct, prompts.n_positions, prompts.n_tokens, prompts.roles
    (True, 1, 3, 3, ('END',))
    >>> prompts.unchanged, prompts.without_unchanged() is prompts, prompts.warnings
    ((), True, [])
    >>> prompts.solved, prompts.pictures, prompts.part(0, 1) == prompts, prompts.called(0)
    (None, {}, True, 'prompt 0')
    >>> prompts.swapped().prompts[0].clean, prompts.fingerprint
    ((5, 8, 5), '1a291500459a7d8c')
    >>> prompts.require_vocabulary(9)
    """

    task: str
    prompts: tuple[Prompt, ...]
    negatives: tuple[Prompt, ...] = ()
    notes: tuple[str, ...] = field(default=(), compare=False)
    n_drawn: int | None = field(default=None, compare=False)
    n_kept: int | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        if not self.prompts:
            raise ValueError(f"prompt set {self.task!r} is empty.")

    def __repr__(self) -> str:
        of = "pairs" if self.is_paired else f"positives, {len(self.negatives)} negatives"
        return f"<PromptSet {self.task}: {len(self)} {of} of up to {count_text(max(map(len, self.prompts)), 'token')}>"

    @property
    def n_distinct(self) -> int:
        """How many different prompts there are: copies of one are no further evidence."""
        return len({(p.clean, p.corrupt, p.image, p.corrupt_image, p.answers, p.wrong_answers) for p in self.prompts})

    @property
    def chance(self) -> float:
        """Accuracy of answers in random order: the mean share of the answers among all answers, right and wrong.

        Prompts without wrong answers count as 0: there the whole vocabulary competes.
        """
        shares = [len(p.answers) / len(p.answers + p.wrong_answers) if p.wrong_answers else 0.0 for p in self.prompts]
        return sum(shares) / len(shares)

    @property
    def solved(self) -> dict[str, int] | None:
        """How many prompts, negatives among them, were `kept` as solved, and `drawn`; None where all were kept.

        Of a part, the numbers of the whole set: they say how hard the task is.
        """
        if self.n_drawn is None:
            return None
        n_kept = len(self) + len(self.negatives) if self.n_kept is None else self.n_kept
        return {"kept": n_kept, "drawn": self.n_drawn}

    @property
    def unchanged(self) -> tuple[int, ...]:
        """Numbers of the pairs whose clean and corrupt prompt are equal, so that nothing can differ between them."""
        return tuple(n for n, prompt in enumerate(self.prompts) if prompt.first_difference == len(prompt))

    def without_unchanged(self) -> PromptSet:
        """The set without the pairs whose two prompts are equal, which are named in `notes`."""
        if not (left_out := self.unchanged):
            return self
        kept = tuple(prompt for number, prompt in enumerate(self.prompts) if number not in left_out)
        note = (
            f"{len(left_out)} of {count_text(len(self), 'pair')} {'is' if len(left_out) == 1 else 'are'} left out, as "
            f"{'its' if len(left_out) == 1 else 'their'} clean and corrupt prompts are equal: {self._listed(left_out)}."
        )
        return replace(self, prompts=kept, notes=(*self.notes, note))

    @property
    def warnings(self) -> list[str]:
        """What is doubtful about the prompts, one message per kind of fault; `notes` first."""
        warnings = [*self.notes]
        warnings += copies_in(self)
        everything = enumerate((*self.prompts, *self.negatives))
        found = {number: prompt.warnings for number, prompt in everything if prompt.warnings}
        return warnings + text_checks.summary_of(found, len(self) + len(self.negatives), self._listed)

    @property
    def n_positions(self) -> int:
        """Tokens of the longest run of any pair or positive, its answers of several tokens included."""
        return max(prompt.n_positions for prompt in self.prompts)

    @property
    def n_tokens(self) -> int:
        """Tokens of all runs that reading the answers of all pairs or positives takes, of one of their sides."""
        return sum(len(prompt) + len(one) for prompt in self.prompts for one in prompt.continuations)

    @property
    def is_paired(self) -> bool:
        """Whether every prompt has its own corrupt prompt."""
        return not self.negatives

    @property
    def pictures(self) -> dict[str, Picture]:
        """Every picture that stands in a prompt, by fingerprint; of copies one that has data."""
        shown = (picture for p in (*self.prompts, *self.negatives) for picture in (p.image, p.corrupt_image))
        by_fingerprint: dict[str, Picture] = {}
        for picture in shown:
            if picture is not None and (picture.data is not None or picture.fingerprint not in by_fingerprint):
                by_fingerprint[picture.fingerprint] = picture
        return by_fingerprint

    def __len__(self) -> int:
        return len(self.prompts)

    def __iter__(self) -> Iterator[Prompt]:
        return iter(self.prompts)

    def __getitem__(self, chosen: slice) -> PromptSet:
        return replace(self, prompts=self.prompts[chosen], n_drawn=None, n_kept=None)

    def part(self, start: int, stop: int) -> PromptSet:
        """Some of the prompts, in order, and an equal share of the negatives."""
        first, last = (bound * len(self.negatives) // len(self) for bound in (start, stop))
        n_kept = None if self.solved is None else self.solved["kept"]
        prompts, negatives = self.prompts[start:stop], self.negatives[first:last]
        return replace(self, prompts=prompts, negatives=negatives, n_kept=n_kept)

    @cached_property
    def fingerprint(self) -> str:
        """Hash of everything that can change a result: tokens, answers, positions and roles, not the task's name."""
        sides = [[prompt.as_json() for prompt in side] for side in (self.prompts, self.negatives)]
        text = json.dumps(sides if self.negatives else sides[0], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @cached_property
    def roles(self) -> tuple[str, ...]:
        """Names of all roles, in order of first appearance in the prompts' text; `END` last."""
        first_seen: dict[str, int] = {}
        for prompt in self.prompts:
            for role, at in prompt.roles.items():
                first_seen.setdefault(role, at[0])
        named = sorted((role for role in first_seen if role != END), key=lambda role: first_seen[role])
        return (*named, *([END] if END in first_seen else []))

    def swapped(self) -> PromptSet:
        """Clean and corrupt exchanged, answers unchanged."""
        if not self.is_paired:
            raise ValueError(f"prompt set {self.task!r} is of positives and negatives without partners.")
        return PromptSet(self.task, tuple(prompt.swapped() for prompt in self.prompts))

    def require_vocabulary(self, n_tokens: int, n_outputs: int | None = None) -> None:
        """Raise a ValueError that names the prompt and the token where an id is beyond the model's vocabulary."""
        n_outputs = n_tokens if n_outputs is None else n_outputs
        for number, prompt in enumerate((*self.prompts, *self.negatives)):
            answers = [tokens_of(answer) for answer in prompt.answers + prompt.wrong_answers]
            for ids, limit, what in (
                (prompt.clean + prompt.corrupt, n_tokens, "token"),
                (chain.from_iterable(answers), n_outputs, "answer token"),
                (chain.from_iterable(tokens[:-1] for tokens in answers), n_tokens, "answer token"),
            ):
                for token in ids:
                    if not 0 <= token < limit:
                        raise ValueError(
                            f"{self.called(number)}: {what} {token} is not in the model's vocabulary of {limit}. "
                            "Was the prompt file made for another model?"
                        )

    def called(self, number: int) -> str:
        """What errors call a prompt: the line that it was read on, else its number. Negatives are numbered after the
        others."""
        if (origin := (*self.prompts, *self.negatives)[number].origin) is not None:
            return str(origin)
        is_negative = number >= len(self.prompts)
        return f"negative prompt {number - len(self.prompts)}" if is_negative else f"prompt {number}"

    def _listed(self, numbers: Sequence[int]) -> str:
        """The first few of many prompts: their lines where they were read from a file, else their numbers."""
        every = (*self.prompts, *self.negatives)
        origins = [origin for number in numbers if (origin := every[number].origin) is not None]
        if len(origins) < len(numbers) or len({origin.file for origin in origins}) != 1:
            return text_checks.listed(numbers)
        lines = text_checks.listed(origin.line for origin in origins)
        return f"line{'s' * (len(origins) > 1)} {lines} of {origins[0].file}"


def copies_in(prompts: PromptSet) -> list[str]:
    """That a set holds prompts twice, the same token for token; nothing where it does not.

    >>> from circuits import Prompt, PromptSet
    >>> from circuits.data.prompts import copies_in
    >>> one = Prompt((5, 7, 5), (5, 8, 5), answers=(7,))
    >>> copies_in(PromptSet("one", (one,))), len(copies_in(PromptSet("copies", (one, one))))
    ([], 1)
    """
    if prompts.n_distinct == len(prompts):
        return []
    return [
        f"{len(prompts)} prompts hold {count_text(prompts.n_distinct, 'different one')}: copies are no further "
        "evidence, and intervals over them are too narrow."
    ]


def positions(role: str, given: Any) -> tuple[int, ...]:
    """The positions of a role, given as one whole number or a list of them."""
    return each(given if isinstance(given, list) else [given], whole_number, f"roles.{role}")


def whole_number(value: Any, key: str) -> int:
    """`value`, if it is a whole number; a ValueError that names `key` otherwise."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(f"{key!r} holds {value!r}, expected a whole number.")
    return value
