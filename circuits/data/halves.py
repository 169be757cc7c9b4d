"""Which words of a template go to the half of the prompts that chooses a circuit, and which to the one that judges it.

Words that share a text, or are one word in several kinds, are a group that stays together. Every group goes to one
half, so that of each kind that a slot takes, each half has as even a share as can be, over all lists at once; of the
ways to do that, the one that is nearest to every second word of each list.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from operator import add, mul
from typing import NamedTuple, TypeAlias

from circuits.data.templates import ANOTHER_KIND, BOTH, Template, Word

Lists: TypeAlias = Mapping[str, Sequence[Word]]
"""Words by the name of their list."""

# Of words that decide no answer: with fewer, a half would have one alone.
_FEWEST_APART = 4
# Ways to share words that are followed up; the most even ones, where there are more. Small lists have fewer.
_WAYS = 500
_SHOWN = 6
_REMEDY = "Add words, or take out the line `halves: apart`."

_Cell: TypeAlias = tuple[str, tuple[str, ...]]
"""What each half should have as much of: words of a list that have these kinds. Without a list, texts that stand in
all these places: of two groups with as many words, only one may have texts enough for a prompt."""


def halves_of(template: Template, words: Lists, makes: Callable[[Lists], bool]) -> tuple[Lists, Lists]:
    """The words of the two halves. No word of a list that decides the answer is in a list of the other half.

    Lists that decide the answer are parted, and others with four words or more of each kind where both can be. Any
    other list is in both halves, but for words of it that decide an answer in one: they are in that half.

    words  those of the template that are used
    makes  whether there is a prompt of these words
    ValueError, which names the lists, where no such halves both make a prompt.
    """
    taken = _taken_kinds(template, words)
    keys = [name for name in taken if name in template.key_lists]
    enough = [
        name
        for name, kinds in taken.items()
        if name not in keys and min((_count(words[name], kind) for kind in kinds), default=0) >= _FEWEST_APART
    ]
    if makes(words):
        for parted in ([*keys, *enough], keys) if enough else (keys,):
            if halves := _Parting(template, words, taken, keys, parted).first(makes):
                return halves
    few = [name for name in keys if min((_count(words[name], kind) for kind in taken[name]), default=0) < 2]
    refused = few or [*dict.fromkeys(name for name, _ in _Parting(template, words, taken, keys, keys).lacking())]
    if not refused:
        counts = ", ".join(f"{len(of)} of {name!r}" for name, of in words.items())
        raise ValueError(
            f"too few words for prompts in two halves that have none in common: {counts}. {_REMEDY}",
        )
    kinds = [(name, kind) for name in refused for kind in taken[name] or ("",)]
    counts = ", ".join(
        f"{_count(words[name], kind)} of {f'{name}.{kind}' if kind else repr(name)}" for name, kind in kinds
    )
    shared = "" if few else _hanging_together(template, words, taken, keys, refused)
    raise ValueError(f"too few words to hold the halves of the prompts apart: {counts}{shared}. {_REMEDY}")


def _hanging_together(
    template: Template, words: Lists, taken: Mapping[str, tuple[str, ...]], keys: Sequence[str], names: Sequence[str]
) -> str:
    """What is said of lists with words enough that cannot be parted."""
    group_of = _Parting(template, words, taken, keys, keys).group_of
    of_lists = dict.fromkeys(word.text for name in names for word in words[name] if word.text in group_of)
    largest = Counter(group_of[text] for text in of_lists).most_common(1)[0][0]
    texts = [text for text, group in group_of.items() if group == largest]
    shown = ", ".join(map(repr, texts[:_SHOWN])) + (f" and {len(texts) - _SHOWN} more" if len(texts) > _SHOWN else "")
    return f"; the same word in other lists and its other kinds stay in one half, here {shown}"


def _taken_kinds(template: Template, words: Lists) -> dict[str, tuple[str, ...]]:
    """The kinds of each list that may stand in a slot, in a clean prompt or a corrupt one; lists without slots are left
    out."""
    slots = [(name, slot) for sentence in template.sentences for name, slot in sentence.slots.items()]
    kinds: dict[str, tuple[str, ...]] = {}
    for name, of_list in words.items():
        own = [(slot_name, slot) for slot_name, slot in slots if slot.words == name]
        is_any = any(
            slot.kind is None or template.corrupt.get(slot_name) in (ANOTHER_KIND, BOTH) for slot_name, slot in own
        )
        asked = {slot.kind for _, slot in own}
        if own:
            kinds[name] = tuple(dict.fromkeys(word.kind for word in of_list if is_any or word.kind in asked))
    return kinds


def _count(words: Sequence[Word], kind: str) -> int:
    return sum(word.kind == kind for word in words)


class _Kind(NamedTuple):
    """Groups that count alike.

    each    cell -> how many words of it each of them has
    groups  those that every second word would put into the first half, and then the others
    n_first how many the former are
    """

    each: tuple[int, ...]
    groups: list[int]
    n_first: int


class _Parting:
    """Ways to part the words of some lists.

    taken   list -> the kinds of it that stand in slots
    keys    the lists that decide the answer
    parted  those and other lists that have no word in common in the two halves
    """

    def __init__(
        self,
        template: Template,
        words: Lists,
        taken: Mapping[str, tuple[str, ...]],
        keys: Sequence[str],
        parted: Sequence[str],
    ) -> None:
        self._words, self._taken, self._parted = words, taken, parted
        self._asked = template.asked_kinds
        self.group_of = self._groups()
        self._key_texts = {word.text for name in keys for word in words[name] if self._is_said(name, word)}
        self._counts, self._in_both = self._count_cells()
        cells = dict.fromkeys([*self._in_both, *(cell for of in self._counts.values() for cell in of)])
        self._cells = sorted(cells, key=lambda cell: not cell[0])
        self._n_of_lists = sum(bool(name) for name, _ in cells)

    def first(self, makes: Callable[[Lists], bool]) -> tuple[Lists, Lists] | None:
        """The halves with the most even shares that both make a prompt and lack no kind; None where there are none."""
        failed: list[tuple[int, ...]] = []
        for gaps, sides in self._sides():
            shares = self._shares(gaps)
            # What has no more of anything than a half that makes no prompt makes none.
            if self._lacking(gaps) or any(_is_within(share, one) for share in shares for one in failed):
                continue
            halves = self._half(sides, 0), self._half(sides, 1)
            without = [share for share, half in zip(shares, halves, strict=True) if not makes(half)]
            if not without:
                return halves
            failed += without
        return None

    def lacking(self) -> list[_Cell]:
        """What a half lacks of where the fewest are lacking; nothing where there is a way."""
        return min((self._lacking(gaps) for gaps, _ in self._sides()), key=len)

    def _is_said(self, name: str, word: Word) -> bool:
        """Whether a word stands in prompts or their answers."""
        return word.kind in self._taken[name] or word.kind in self._asked.get(name, ())

    def _places(self, name: str) -> list[list[Word]]:
        """The words of a list that are said, with their kinds together."""
        places: dict[int, list[Word]] = {}
        for word in self._words[name]:
            if self._is_said(name, word):
                places.setdefault(word.place, []).append(word)
        return list(places.values())

    def _groups(self) -> dict[str, int]:
        """Text -> the group of those that stay together."""
        members: dict[str, tuple[str, ...]] = {}
        for own in (own for name in self._parted for own in self._places(name)):
            joined = tuple(dict.fromkeys(text for word in own for text in members.get(word.text, (word.text,))))
            members.update(dict.fromkeys(joined, joined))
        numbers = {group: number for number, group in enumerate(dict.fromkeys(members.values()))}
        return {text: numbers[group] for text, group in members.items()}

    def _count_cells(self) -> tuple[dict[int, Counter[_Cell]], Counter[_Cell]]:
        """What each group has of each cell, and what both halves have of it."""
        counts = {group: Counter[_Cell]() for group in self.group_of.values()}
        in_both = Counter[_Cell]()
        for name, kinds in self._taken.items():
            is_parted = name in self._parted
            for kind in kinds:
                in_both[name, (kind,)] += 0
            for own in self._places(name):
                here = [word for word in own if word.kind in kinds]
                for word in here:
                    of_group = is_parted or word.text in self._key_texts
                    to = counts[self.group_of[word.text]] if of_group else in_both
                    to[name, (word.kind,)] += 1
                if is_parted and len(here) > 1:
                    counts[self.group_of[here[0].text]][name, tuple(word.kind for word in here)] += 1
        for text, group in self.group_of.items():
            stands = (
                f"{name}.{kind}" for name, kinds in self._taken.items() for kind in kinds if self._has(name, kind, text)
            )
            counts[group]["", tuple(stands)] += 1
        return counts, in_both

    def _has(self, name: str, kind: str, text: str) -> bool:
        return any((word.kind, word.text) == (kind, text) for word in self._words[name])

    def _every_second(self) -> dict[int, int]:
        """Group -> the half that it goes to where every second word of a list goes to the other half."""
        sides: dict[int, int] = {}
        for name in self._parted:
            taken = Counter[tuple[tuple[str, ...], int]]()
            for own in self._places(name):
                kinds = tuple(word.kind for word in own if word.kind in self._taken[name])
                side = sides.setdefault(self.group_of[own[0].text], int(taken[kinds, 0] > taken[kinds, 1]))
                taken[kinds, side] += 1
        return sides

    def _kinds_of_groups(self) -> list[_Kind]:
        """Groups by what they count, the largest first."""
        wanted = self._every_second()
        alike: dict[tuple[int, ...], list[int]] = {}
        for group, counts in self._counts.items():
            alike.setdefault(tuple(counts[cell] for cell in self._cells), []).append(group)
        kinds = [
            _Kind(each, sorted(groups, key=wanted.__getitem__), sum(wanted[group] == 0 for group in groups))
            for each, groups in alike.items()
        ]
        return sorted(kinds, key=lambda kind: -sum(kind.each))

    def _sides(self) -> Iterator[tuple[tuple[int, ...], dict[int, int]]]:
        """How many more of each cell the first half has, and the half of each group; the most even first."""
        kinds = self._kinds_of_groups()
        ways: dict[tuple[int, ...], tuple[int, ...]] = {(0,) * len(self._cells): ()}
        for kind in kinds:
            size, more = len(kind.groups), dict[tuple[int, ...], tuple[int, ...]]()
            for n in sorted(range(size + 1), key=lambda n, kind=kind: abs(n - kind.n_first)):
                step = [(2 * n - size) * each for each in kind.each]
                for gaps, chosen in ways.items():
                    more.setdefault(tuple(map(add, gaps, step)), (*chosen, n))
            ways = dict(sorted(more.items(), key=lambda way: self._unevenness(way[0]))[:_WAYS])

        def order(way: tuple[tuple[int, ...], tuple[int, ...]]) -> tuple[int, int, int]:
            gaps, chosen = way
            moved = sum(abs(n - kind.n_first) for n, kind in zip(chosen, kinds, strict=True))
            return self._unevenness(gaps), moved, -sum(gaps)

        for gaps, chosen in sorted(ways.items(), key=order):
            yield (
                gaps,
                {
                    group: int(number >= n)
                    for n, kind in zip(chosen, kinds, strict=True)
                    for number, group in enumerate(kind.groups)
                },
            )

    def _unevenness(self, gaps: Sequence[int]) -> int:
        of_lists = gaps[: self._n_of_lists]
        return sum(map(mul, of_lists, of_lists))

    def _shares(self, gaps: Sequence[int]) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """What each half has of every cell."""
        totals = [sum(counts[cell] for counts in self._counts.values()) for cell in self._cells]
        both = [self._in_both[cell] for cell in self._cells]
        first, second = (
            tuple(own + (total + sign * gap) // 2 for own, total, gap in zip(both, totals, gaps, strict=True))
            for sign in (1, -1)
        )
        return first, second

    def _lacking(self, gaps: Sequence[int]) -> list[_Cell]:
        """The lists and kinds of which a half has none."""
        shares = zip(self._cells, *self._shares(gaps), strict=True)
        return [(name, kinds) for (name, kinds), *both in shares if name and len(kinds) == 1 and not min(both)]

    def _half(self, sides: Mapping[int, int], side: int) -> Lists:
        """The words of one half; with a word of a list that is parted go its kinds that stand nowhere."""
        half: dict[str, tuple[Word, ...]] = {}
        for name, of_list in self._words.items():
            if name in self._parted:
                of_place = {own[0].place: sides[self.group_of[own[0].text]] for own in self._places(name)}
                half[name] = tuple(word for word in of_list if of_place.get(word.place, 0) == side)
            elif name in self._taken:
                half[name] = tuple(
                    word
                    for word in of_list
                    if word.text not in self._key_texts or sides[self.group_of[word.text]] == side
                )
            else:
                half[name] = tuple(of_list)
        return half


def _is_within(share: Sequence[int], other: Sequence[int]) -> bool:
    return all(own <= of_other for own, of_other in zip(share, other, strict=True))
