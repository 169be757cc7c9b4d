"""Words drawn for the slots of a template: those of the clean prompt, and what the corrupt one has in their place."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Mapping, Sequence

from circuits.data.templates import ANOTHER_KIND, ANOTHER_WORD, RULES, Sentence, Template, Word, Words
from circuits.tasks.base import one_of


def every_clean(sentence: Sentence, words: Mapping[str, Sequence[Word]]) -> Iterator[dict[str, Word]]:
    """All words for all slots, none twice."""
    drawn = [name for name, slot in sentence.slots.items() if slot.repeats is None]

    def go_on(chosen: dict[str, Word]) -> Iterator[dict[str, Word]]:
        if len(chosen) == len(drawn):
            yield {name: chosen[slot.repeats or name] for name, slot in sentence.slots.items()}
            return
        name = drawn[len(chosen)]
        slot = sentence.slots[name]
        allowed = (word for word in words[slot.words] if slot.kind in (None, word.kind))
        for word in _free(allowed, _taken(sentence, chosen, slot.words)):
            yield from go_on(chosen | {name: word})

    return go_on({})


def clean_words(
    sentence: Sentence, words: Mapping[str, list[Word]], generator: random.Random
) -> dict[str, Word] | None:
    """Words for all slots, none twice; None where a list has none left."""
    chosen: dict[str, Word] = {}
    for name, slot in sentence.slots.items():
        if slot.repeats is None:
            allowed = (word for word in words[slot.words] if slot.kind in (None, word.kind))
            taken = _taken(sentence, chosen, slot.words)
            if (word := _drawn(_free(allowed, taken), generator)) is None:
                return None
            chosen[name] = word
    return {name: chosen[slot.repeats or name] for name, slot in sentence.slots.items()}


def corrupt_words(
    template: Template,
    sentence: Sentence,
    clean: Words,
    words: Mapping[str, Sequence[Word]],
    generator: random.Random,
) -> dict[str, Word] | None:
    """The words of the corrupt prompt; None where no word is left for a slot."""
    changed: dict[str, Word] = {}
    for name, rule in template.corrupt.items():
        if rule not in RULES:
            changed[name] = clean[rule]
            continue
        own, of_list = clean[name], sentence.slots[name].words
        taken = _taken(sentence, clean, of_list) | {(word.place, word.text) for word in changed.values()}
        allowed = [word for word in words[of_list] if stands_for(word, own, rule)]
        # Another kind of a word has its place.
        texts = {text for _, text in taken}
        free = [word for word in allowed if word.text not in texts] if rule == ANOTHER_KIND else _free(allowed, taken)
        if (word := _drawn(free, generator)) is None:
            return None
        changed[name] = word
    return {
        name: changed.get(name) or changed.get(slot.repeats or name) or clean[name]
        for name, slot in sentence.slots.items()
    }


def stands_for(word: Word, own: Word, rule: str) -> bool:
    """Whether a rule lets a word of the same list stand for another in the corrupt prompt."""
    is_same_word, is_same_kind = word.place == own.place, word.kind == own.kind
    return word.text != own.text and (is_same_word, is_same_kind) == (rule == ANOTHER_KIND, rule == ANOTHER_WORD)


def _taken(sentence: Sentence, chosen: Words, of_list: str) -> set[tuple[int, str]]:
    """Place and text of the words that stand in slots already; of another list, no place."""
    return {(word.place if sentence.slots[name].words == of_list else -1, word.text) for name, word in chosen.items()}


def _free(words: Iterable[Word], taken: set[tuple[int, str]]) -> list[Word]:
    places, texts = ({one[side] for one in taken} for side in (0, 1))
    return [word for word in words if word.place not in places and word.text not in texts]


def _drawn(words: list[Word], generator: random.Random) -> Word | None:
    """A word of a kind that is drawn first; None where there is none."""
    if not words:
        return None
    kinds = list(dict.fromkeys(word.kind for word in words))
    kind = one_of(kinds, generator)
    return generator.choice([word for word in words if word.kind == kind])
