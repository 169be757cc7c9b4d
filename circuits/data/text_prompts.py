"""Prompts made from text: tokenized, with answers as they follow it and roles as words of it.

Everything that cannot be run is told at once, with both tokenizations where lengths differ.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from typing import Any

from circuits.data import text_checks
from circuits.data.answers import Answer, answer_of, require_distinct
from circuits.data.faults import Faults, Remedied, SeveralFaults, faults_in
from circuits.data.prompts import NO_ANSWER, Prompt, positions
from circuits.data.text_checks import PromptWarning
from circuits.data.tokenizer import Tokenizer, ids_of, next_tokens, quoted, token_texts
from circuits.numbers import count_text

_OTHER_WORDS_OR_MODEL = (
    "Choose words of its vocabulary, or a pretrained model, which reads any text: `circuits models` lists those to "
    "fetch, such as smollm2-135m."
)


class _Tokens:
    """A tokenized text with the stretch of characters that each token covers."""

    def __init__(self, text: str, tokenizer: Tokenizer) -> None:
        encoded = tokenizer(text, return_offsets_mapping=True)
        self.text = text
        self.ids = tuple(int(token) for token in encoded["input_ids"])
        self._spans = [(int(a), int(b)) for a, b in encoded["offset_mapping"]]
        # An end-of-sequence token that the tokenizer appends would stand where the answer is predicted.
        while self.ids and self.ids[-1] in tokenizer.all_special_ids and self._spans[-1][0] == self._spans[-1][1]:
            self.ids, self._spans = self.ids[:-1], self._spans[:-1]
        # The tokenizer's own beginning-of-text token stands in front already: one written out is not a second one.
        added = [first == stop for first, stop in self._spans[:2]]
        self.began_twice = added == [True, False] and self.ids[0] == self.ids[1]
        if self.began_twice:
            self.ids, self._spans = self.ids[1:], self._spans[1:]

    def unknown_words(self, tokenizer: Tokenizer) -> list[str]:
        """What the tokenizer has no token for."""
        unk = getattr(tokenizer, "unk_token_id", None)
        spans = [span for token, span in zip(self.ids, self._spans, strict=True) if token == unk]
        words = dict.fromkeys(self.text[a:b].strip() for a, b in spans)
        return [word for word in words if word and word != getattr(tokenizer, "unk_token", None)]

    def covering(self, start: int, stop: int) -> tuple[int, ...]:
        """Positions of the tokens that overlap characters start .. stop-1."""
        return tuple(position for position, (a, b) in enumerate(self._spans) if a < stop and b > start)


def prompt_from_text(
    clean: str,
    corrupt: str,
    *,
    answers: Iterable[str | Answer],
    wrong_answers: Iterable[str | Answer],
    roles: Mapping[str, Any],
    tokenizer: Tokenizer,
) -> Prompt:
    """Tokenize a pair of prompts.

    answers, wrong_answers  a text as it follows the clean prompt (" Mary"), of one token or several, or token ids
    roles  name -> words of `clean` (their first occurrence), a (start, stop) tuple of characters of `clean`, a
           position, or a list of positions
    Errors name every fault, and show both tokenizations, so that the word of unequal length stands out. What can be run
    and is doubtful is in the prompt's `warnings`.
    """
    answers, wrong_answers = list(answers), list(wrong_answers)
    tokens, corrupt_tokens = _Tokens(clean, tokenizer), _Tokens(corrupt, tokenizer)
    faults = Faults()
    unknown = dict.fromkeys([*tokens.unknown_words(tokenizer), *corrupt_tokens.unknown_words(tokenizer)])
    if unknown:
        faults.add(
            Remedied(f"the model's tokenizer does not know {', '.join(map(repr, unknown))}.", _OTHER_WORDS_OR_MODEL)
        )
    elif len(tokens.ids) != len(corrupt_tokens.ids):
        faults.add(_unequal_lengths(tokens, corrupt_tokens, tokenizer))
    found = [[faults.in_call(_answer, word, clean, tokenizer) for word in side] for side in (answers, wrong_answers)]
    right, wrong = (tuple(answer for answer in side if answer is not None) for side in found)
    if both := [text for text in answers if isinstance(text, str) and text in wrong_answers]:
        faults.add(f"{both[0]!r} is an answer and a wrong answer: nothing tells them apart.")
        wrong = tuple(answer for answer in wrong if answer not in right)  # said once
    else:
        texts = _texts_of(zip([*answers, *wrong_answers], [*found[0], *found[1]], strict=True))
        if alike := faults_in(require_distinct, right, wrong, texts=texts):
            faults.add(*alike)
            right, wrong = right[:1], ()  # said once, with the texts
    places = {role: faults.in_call(_locate, role, where, tokens) for role, where in roles.items()}
    located = {role: at for role, at in places.items() if at is not None}
    if faults.said:
        # What the parts that could be read are refused for as well; lengths were compared above.
        rest = faults_in(Prompt, tokens.ids, tokens.ids, right, wrong, -1, located)
        faults.add(*(fault for fault in rest if fault != NO_ANSWER or not answers))
    faults.raise_any()
    given = list(zip([*answers, *wrong_answers], right + wrong, strict=True))
    warnings = [
        *text_checks.of_text(clean, corrupt, tokenizer),
        *text_checks.of_spaces(clean, given, tokenizer),
        *text_checks.of_pieces(clean, given, tokenizer),
        *text_checks.of_tokens(tokens.ids, right + wrong, tokenizer),
        *text_checks.of_roles(roles),
    ]
    if tokens.began_twice or corrupt_tokens.began_twice:
        (shown,) = token_texts(tokens.ids[:1], tokenizer)
        warnings.append(
            PromptWarning(
                "beginning-of-text token written out",
                f"the tokenizer puts {quoted(shown)} in front by itself; it was kept once.",
            )
        )
    return Prompt(tokens.ids, corrupt_tokens.ids, right, wrong, -1, located, warnings=tuple(warnings))


def _unequal_lengths(clean: _Tokens, corrupt: _Tokens, tokenizer: Tokenizer) -> str:
    both = (clean.ids, corrupt.ids)
    index = next((i for i, (a, b) in enumerate(zip(*both, strict=False)) if a != b), min(map(len, both)))
    parts = [" ".join(map(quoted, token_texts(ids[index : index + 4], tokenizer))) for ids in both]
    said = (
        f"clean has {count_text(len(clean.ids), 'token')}, corrupt {len(corrupt.ids)}; patching needs one-to-one "
        f"positions."
    )
    bare = [len(_Tokens(side.text.rstrip(), tokenizer).ids) for side in (clean, corrupt)]
    if bare[0] == bare[1]:
        spaced = " and ".join(
            name for name, side in (("clean", clean), ("corrupt", corrupt)) if side.text[-1:].isspace()
        )
        return f"{said} The space at the end of {spaced} makes the difference: end both texts alike, best without it."
    return (
        f"{said} They first differ at token {index}: clean {parts[0]} ..., corrupt {parts[1]} .... Choose words of "
        "equal token length."
    )


def _answer(word: str | Answer, prompt: str, tokenizer: Tokenizer) -> Answer:
    if not isinstance(word, str):
        return answer_of(word)
    # In context: "32" after "17" and "32" after a space are different tokens of some tokenizers, and " 7" may be two.
    tokens = next_tokens(prompt, word, tokenizer)
    if tokens is None and ids_of(word, tokenizer) == ids_of(f" {word}", tokenizer):
        # Where spaces are no part of tokens, they only keep words apart.
        tokens = next_tokens(prompt, f" {word}", tokenizer)
    if tokens is None:
        raise SeveralFaults(_answer_fault(f"answer {word!r} cannot follow this prompt", word, prompt, tokenizer))
    return answer_of(tokens)


def _texts_of(given: Iterable[tuple[str | Answer, Answer | None]]) -> dict[Answer, str]:
    """Answers that were given as texts, as errors show them; some tokenizers read several texts as the same tokens."""
    texts: dict[Answer, list[str]] = {}
    for word, answer in given:
        if isinstance(word, str) and answer is not None and repr(word) not in texts.setdefault(answer, []):
            texts[answer].append(repr(word))
    return {
        answer: f"{first} (also written {', '.join(others)})" if others else first
        for answer, (first, *others) in texts.items()
    }


def _answer_fault(said: str, word: str, prompt: str, tokenizer: Tokenizer) -> str:
    """Why a text gives no answer after the prompt, behind what is `said` of it, and what to do."""
    before, after = ids_of(prompt, tokenizer), ids_of(prompt + word, tokenizer)
    n_same = next((n for n, (one, other) in enumerate(zip(before, after, strict=False)) if one != other), len(before))
    if n_same < len(before):
        old, new = (token_texts(ids[n_same:], tokenizer) for ids in (before, after))
        spaced = "" if word[:1].isspace() else f"Did you mean {' ' + word!r}? Begin the answer with a space, or "
        return (
            f"{said}: with it, the prompt itself would end in other tokens ({quoted(new)} instead of {quoted(old)}). "
            f"{spaced or 'Give another answer, or '}end both prompts elsewhere."
        )
    pieces = token_texts(after[len(before) :], tokenizer)
    return Remedied(f"{said}: it adds {quoted(pieces)}.", "Choose words that the model's tokenizer knows.")


def _locate(role: str, where: Any, tokens: _Tokens) -> tuple[int, ...]:
    match where:
        case str():
            # A leading space belongs to the word's token in some tokenizers only.
            return tokens.covering(*_span(role, where.strip(), tokens.text))
        case (int(start), int(stop)) if isinstance(where, tuple):
            return tokens.covering(start, stop)
        case [*words] if words and all(isinstance(word, str) for word in words):
            raise ValueError(
                f"'roles.{role}' holds {where!r}, expected a word, or words that stand side by side, as one text; or "
                "positions such as [2]."
            )
        case _:
            return positions(role, where)


def _span(role: str, words: str, text: str) -> tuple[int, int]:
    """Characters of the first place where `words` stand as words of their own, not inside another word."""
    start = text.find(words) if words else -1
    if start < 0:
        raise ValueError(f"role {role!r}: {words!r} does not occur in the clean prompt {text!r}.")
    inside = start
    while start >= 0:
        stop = start + len(words)
        if not (_is_one_word(text[start - 1 : start + 1]) or _is_one_word(text[stop - 1 : stop + 1])):
            return start, stop
        start = text.find(words, start + 1)
    first, last = inside, inside + len(words)
    while first > 0 and text[first - 1].isalnum():
        first -= 1
    while last < len(text) and text[last].isalnum():
        last += 1
    raise ValueError(
        f"role {role!r}: {words!r} occurs only inside another word, such as {text[first:last]!r}. Give the whole word, "
        "or its position."
    )


def _is_one_word(pair: str) -> bool:
    """Whether two neighboring characters belong to one word; scripts without cases may do without spaces."""
    return len(pair) == 2 and all(char.isalnum() and unicodedata.category(char) != "Lo" for char in pair)
