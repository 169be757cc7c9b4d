"""CHAIR: objects that captions name although they are not there (Rohrbach et al. 2018, arXiv 1809.02156).

Which words name an object, and whether one named twice counts twice, changes the rates: both are said. COCO's script
counts every mention (`Chair.mention` here, CHAIR_i there) and knows some 400 synonyms, a file that is not part of this
package (`circuits.injection.synonyms`). Where it differs from this: it also takes for present what the reference
captions of a picture name, so that its rates are lower, and it drops the word seat from captions that name a toilet.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from circuits.intervals import Estimate, Interval, Share, ratio_t_interval

# The script's pairs of words that stand for something else than their first word, or for no object.
_ANIMALS = ("bird", "cat", "dog", "horse", "sheep", "cow", "elephant", "bear", "zebra", "giraffe", "animal", "cub")
_PAIRS: Mapping[str, str | None] = {
    **{f"{age} {animal}": animal for age in ("baby", "adult") for animal in _ANIMALS},
    **{f"passenger {vehicle}": vehicle for vehicle in ("jet", "train")},
    "bow tie": "tie",
    "toilet seat": "toilet",
    "home plate": None,
}


class ObjectNames:
    """Finds the names of objects in text.

    Names are found as whole words in any case, the longest first, so that a hot dog is not a dog; plurals count (dogs,
    boxes, cherries, women, knives). Others, such as people for person, are given as synonyms.
    """

    def __init__(self, names: Iterable[str], synonyms: Mapping[str, Sequence[str]] | None = None) -> None:
        """synonyms  name -> other words for it. ValueError where a word would stand for two objects."""
        own = list(dict.fromkeys(names))
        synonyms = synonyms or {}
        if unknown := sorted(set(synonyms) - set(own)):
            raise ValueError(f"synonyms are given for {unknown[0]!r}, which is not one of the {len(own)} names.")
        self._name: dict[str, str | None] = {}
        for name in own:
            for word in (name, *synonyms.get(name, ())):
                known = self._name.setdefault(word.lower(), name)
                if known != name:
                    raise ValueError(f"the word {word!r} stands for {known!r} and for {name!r}: leave one of them out.")
        for pair, word in _PAIRS.items():
            self._name.setdefault(pair, None if word is None else self._name.get(word))
        for word, name in list(self._name.items()):
            for form in _plurals(word):
                self._name.setdefault(form, name)
        longest_first = sorted(self._name, key=len, reverse=True)
        self._words = re.compile(rf"\b(?:{'|'.join(map(re.escape, longest_first))})\b", re.IGNORECASE)

    def mentions(self, text: str) -> list[str]:
        """The objects that the text names, in its order, each as often as it is named."""
        named = (self._name[word.lower()] for word in self._words.findall(text))
        return [name for name in named if name is not None]


def _plurals(word: str) -> tuple[str, ...]:
    """Plurals of a word, among them some that it may not have: nobody writes these."""
    if re.search(r"[^aeiou]y$", word):
        return (f"{word[:-1]}ies",)
    plain = f"{word}es" if re.search(r"(s|x|z|ch|sh)$", word) else f"{word}s"
    for ending, plural in ((r"man$", "men"), (r"mouse$", "mice"), (r"goose$", "geese"), (r"(?<=[^f])fe?$", "ves")):
        if re.search(ending, word):
            return plain, re.sub(ending, plural, word)
    return (plain,)


class Chair(NamedTuple):
    """What captions name.

    sentence  captions that name an absent object, of all captions (CHAIR_s)
    instance  objects named that are absent, of all named, each counted once per caption
    mention   the same of all mentions, an object counted as often as a caption names it (CHAIR_i); its interval is a
              t interval over captions, because the mentions of one caption go together
    recall    objects present that are named, of all present
    """

    sentence: Share
    instance: Share
    mention: Estimate
    recall: Share


def chair(captions: Sequence[str], present: Sequence[Collection[str]], names: ObjectNames) -> Chair:
    """CHAIR of captions.

    present  [caption] names of the objects that are in the picture
    """
    if len(captions) != len(present):
        raise ValueError(f"{len(captions)} captions have {len(present)} lists of objects: give one for each.")
    mentions = [names.mentions(text) for text in captions]
    named = [set(of_caption) for of_caption in mentions]
    absent = [of_caption.difference(there) for of_caption, there in zip(named, present, strict=True)]
    n_named, n_absent, n_present = (sum(map(len, sets)) for sets in (named, absent, map(set, present)))
    return Chair(
        Share(sum(map(bool, absent)), len(captions)),
        Share(n_absent, n_named),
        _of_mentions(mentions, absent),
        Share(n_named - n_absent, n_present),
    )


def _of_mentions(mentions: Sequence[Sequence[str]], absent: Sequence[Collection[str]]) -> Estimate:
    """Share of all mentions that are of absent objects; 0 of none."""
    n_mentions = np.array([len(of_caption) for of_caption in mentions], dtype=np.float64)
    if not n_mentions.any():
        return Estimate(0.0, Interval(0.0, 1.0))
    pairs = zip(mentions, absent, strict=True)
    n_absent = np.array([sum(name in away for name in of_caption) for of_caption, away in pairs], dtype=np.float64)
    return Estimate(float(n_absent.sum() / n_mentions.sum()), ratio_t_interval(n_absent, n_mentions).item())
