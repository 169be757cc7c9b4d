"""CHAIR: objects that captions name although they are not there (Rohrbach et al. 2018, arXiv 1809.02156)."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from circuits.intervals import Share


class ObjectNames:
    """Finds the names of objects in text.

    Names are found as whole words in any case, the longest first, so that a hot dog is not a dog; simple plurals
    count (dogs, boxes, cherries). Irregular ones, such as people for person, are given as synonyms.
    """

    def __init__(self, names: Iterable[str], synonyms: Mapping[str, Sequence[str]] | None = None) -> None:
        """synonyms  name -> other words for it. ValueError where a word would stand for two objects."""
        own = list(dict.fromkeys(names))
        synonyms = synonyms or {}
        if unknown := sorted(set(synonyms) - set(own)):
            raise ValueError(f"synonyms are given for {unknown[0]!r}, which is not one of the {len(own)} names.")
        self._name: dict[str, str] = {}
        for name in own:
            for word in (name, *synonyms.get(name, ())):
                known = self._name.setdefault(word.lower(), name)
                if known != name:
                    raise ValueError(f"the word {word!r} stands for {known!r} and for {name!r}: leave one of them out.")
        for word, name in list(self._name.items()):
            for form in _plurals(word):
                self._name.setdefault(form, name)
        longest_first = sorted(self._name, key=len, reverse=True)
        self._words = re.compile(rf"\b(?:{'|'.join(map(re.escape, longest_first))})\b", re.IGNORECASE)

    def mentions(self, text: str) -> list[str]:
        """The objects that the text names, in its order, each as often as it is named."""
        return [self._name[word.lower()] for word in self._words.findall(text)] if self._name else []


def _plurals(word: str) -> tuple[str, ...]:
    if re.search(r"[^aeiou]y$", word):
        return (f"{word[:-1]}ies",)
    return (f"{word}es",) if re.search(r"(s|x|z|ch|sh)$", word) else (f"{word}s",)


class Chair(NamedTuple):
    """What captions name; each object counts once per caption, where the authors' script counts every mention.

    sentence  captions that name an absent object, of all captions (CHAIR_s)
    instance  objects named that are absent, of all named (CHAIR_i)
    recall    objects present that are named, of all present
    """

    sentence: Share
    instance: Share
    recall: Share


def chair(captions: Sequence[str], present: Sequence[Collection[str]], names: ObjectNames) -> Chair:
    """CHAIR of captions.

    present  [caption] names of the objects that are in the picture
    """
    if len(captions) != len(present):
        raise ValueError(f"{len(captions)} captions have {len(present)} lists of objects: give one for each.")
    n_named = n_absent = n_with_absent = 0
    for text, there in zip(captions, present, strict=True):
        named = set(names.mentions(text))
        absent = named.difference(there)
        n_named, n_absent, n_with_absent = n_named + len(named), n_absent + len(absent), n_with_absent + bool(absent)
    n_present = sum(len(set(there)) for there in present)
    return Chair(Share(n_with_absent, len(captions)), Share(n_absent, n_named), Share(n_named - n_absent, n_present))
