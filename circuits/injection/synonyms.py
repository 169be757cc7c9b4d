"""Other words for objects, in the format of COCO's CHAIR: one object a line, its words with commas between them.

    person, girl, boy, man, woman
    hot dog

The file of the authors is `data/synonyms.txt` in github.com/LisaAnne/Hallucination.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import NamedTuple

from circuits.files import read_text, unreadable

_SHOWN = 5


class Synonyms(NamedTuple):
    """Words for objects.

    words     name of an object -> other words for it; of objects that have some
    left_out  first words of the lines that name none of the objects
    """

    words: Mapping[str, tuple[str, ...]]
    left_out: tuple[str, ...]


def read_synonyms(path: Path, names: Collection[str]) -> Synonyms:
    """The synonyms in a file for some objects; a line is that of the object whose name is among its words, in any case.

    ValueError where the file cannot be read, where no line names an object, and for a line that names two.
    """
    try:
        lines = read_text(path).splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(unreadable(path, error, "the synonyms")) from None
    known = {name.lower(): name for name in names}
    words: dict[str, tuple[str, ...]] = {}
    left_out = []
    for number, line in enumerate(lines, start=1):
        own = tuple(dict.fromkeys(word.strip().lower() for word in line.split(",") if word.strip()))
        objects = [known[word] for word in own if word in known]
        if len(objects) > 1:
            raise ValueError(
                f"{path}, line {number}: {objects[0]!r} and {objects[1]!r} are different objects here. Give each a "
                "line of its own."
            )
        if objects:
            (name,) = objects
            others = tuple(word for word in own if word != name.lower())
            words[name] = (*words.get(name, ()), *others)
        elif own:
            left_out.append(own[0])
    if not words:
        shown = ", ".join(list(known.values())[:_SHOWN])
        raise ValueError(
            f"{path} names none of the {len(known)} objects ({shown}, ...). Give one object a line, its words with "
            "commas between them, such as 'person, man, woman'."
        )
    return Synonyms({name: of for name, of in words.items() if of}, tuple(left_out))
