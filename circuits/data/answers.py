"""Answers of one token or of several, and what the model has to be run on to read them.

An answer of several tokens is read teacher-forced: the model is run on the prompt and all but the answer's last token,
and each token's probability is read where the tokens before it end. One token needs no more than the prompt.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, TypeAlias

Answer: TypeAlias = int | tuple[int, ...]
"""A token id, or the ids of two tokens or more."""

NO_TEXTS: Mapping[Answer, str] = MappingProxyType({})
"""Of answers that were all given as ids."""


def answer_of(given: Any) -> Answer:
    """An answer as prompts hold it: a single token as a number, several as a tuple; a ValueError where there is none.

    given  a token id, or a list of them
    """
    if not isinstance(given, (tuple, list)):
        return given
    if not given:
        raise ValueError("an answer is empty: give at least one token.")
    return given[0] if len(given) == 1 else tuple(given)


def tokens_of(answer: Answer) -> tuple[int, ...]:
    """The tokens of an answer."""
    return answer if isinstance(answer, tuple) else (answer,)


def as_json(answer: Answer) -> int | list[int]:
    """An answer as a JSON value."""
    return list(answer) if isinstance(answer, tuple) else answer


def shown(answer: Answer) -> str:
    """What errors call an answer."""
    return f"tokens {list(answer)}" if isinstance(answer, tuple) else f"token {answer}"


def continuations_of(answers: Iterable[Answer]) -> tuple[tuple[int, ...], ...]:
    """What follows the prompt in each run that the answers need, each once.

    All but the last token of each answer; one that begins another is read in that one's run. `((),)`, the prompt alone,
    where all answers are single tokens.
    """
    long = [answer for answer in answers if isinstance(answer, tuple)]
    if not long:
        return ((),)
    wanted = dict.fromkeys(tokens_of(answer)[:-1] for answer in answers)
    return tuple(one for one in wanted if not any(one != other and other[: len(one)] == one for other in wanted))


def require_distinct(
    answers: Sequence[Answer], wrong_answers: Sequence[Answer], *, texts: Mapping[Answer, str] = NO_TEXTS
) -> None:
    """Raise a ValueError where two answers are the same, or one is the beginning of another.

    texts  the answers that were given as texts, as errors show them; others are called by their ids

    What says " New York" has said " New": their probabilities neither add up nor can be compared.
    """
    if both := set(answers) & set(wrong_answers):
        one = min(both, key=tokens_of)
        is_are = "are" if isinstance(one, tuple) and one not in texts else "is"
        raise ValueError(
            f"{texts.get(one) or shown(one)} {is_are} an answer and a wrong answer: nothing tells them apart."
        )
    for name, given in (("answers", answers), ("wrong_answers", wrong_answers)):
        if len(set(given)) < len(given):
            twice = next(answer for number, answer in enumerate(given) if answer in given[:number])
            raise ValueError(
                f"{name} hold {texts.get(twice) or shown(twice)} twice: it would count double in their mean."
            )
    every = {tokens_of(answer): texts.get(answer) for answer in (*answers, *wrong_answers)}
    for tokens, text in every.items():
        for size in range(1, len(tokens)):
            if tokens[:size] in every:
                raise ValueError(
                    f"answer {every[tokens[:size]] or list(tokens[:size])} is the beginning of answer "
                    f"{text or list(tokens)}: what says the second says the first too. Give answers of which none "
                    "begins another."
                )
