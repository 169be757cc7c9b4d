"""What a document consists of, whichever format it is written in.

Texts hold `code` between back-ticks and citations as `[@key]`, of one of the document's references; everything else in
them is plain.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from circuits.citations import Citation
from graphs.figures.canvas import DrawingFormat
from pipelines.reporting.paper.table import PaperTable


class Text(NamedTuple):
    """A paragraph."""

    text: str


class Bullets(NamedTuple):
    """A list of texts."""

    texts: tuple[str, ...]


class Listing(NamedTuple):
    """Lines to be typed or read as they are."""

    text: str
    language: str = ""


class Figure(NamedTuple):
    """A figure.

    name     what it shows, after which its file is called
    caption  a text
    draw     kind of file -> its bytes
    """

    name: str
    caption: str
    draw: Callable[[DrawingFormat], bytes]

    @property
    def stem(self) -> str:
        """The name as TeX, Markdown and every file system take it: other characters are `_`, and a hash tells names
        apart that then are the same."""
        plain = re.sub(r"[^A-Za-z0-9._-]", "_", self.name)
        return plain if plain == self.name else f"{plain}-{hashlib.sha256(self.name.encode()).hexdigest()[:8]}"


Piece = Text | Bullets | Listing | Figure | PaperTable


@dataclass(frozen=True)
class Section:
    """A heading, what stands under it, and sections of one level below."""

    title: str
    pieces: Sequence[Piece] = ()
    sections: Sequence[Section] = ()


@dataclass(frozen=True)
class Document:
    """A document.

    references  what its texts cite, in the order of the list at its end
    """

    title: str
    sections: Sequence[Section]
    references: Sequence[Citation] = field(default=())

    def reference(self, key: str) -> Citation:
        """The reference that a text cites. KeyError where the document has none of this key."""
        return {citation.key: citation for citation in self.references}[key]

    @property
    def bibtex(self) -> str:
        """The references as a BibTeX file."""
        return "\n".join(citation.bibtex for citation in self.references)

    @property
    def figures(self) -> Iterator[Figure]:
        """Every figure, in order."""

        def of(sections: Sequence[Section]) -> Iterator[Figure]:
            for section in sections:
                yield from (piece for piece in section.pieces if isinstance(piece, Figure))
                yield from of(section.sections)

        return of(self.sections)


class Part(NamedTuple):
    """A part of a text: plain, code, or the key of a citation."""

    kind: Literal["plain", "code", "citation"]
    text: str


def parts_of(text: str) -> Iterator[Part]:
    """A text in parts of one kind each.

    >>> [part.text for part in parts_of("scores of `eap` [@syed2023attribution].")]
    ['scores of ', 'eap', ' ', 'syed2023attribution', '.']
    """
    for match in re.finditer(r"`([^`]*)`|\[@([^\]]+)\]|([^`\[]+|.)", text, re.DOTALL):
        code, key, plain = match.groups()
        if code is not None:
            yield Part("code", code)
        elif key is not None:
            yield Part("citation", key)
        else:
            yield Part("plain", plain)


def cite(citations: Sequence[Citation]) -> str:
    """Citations as a text holds them, with a space before; nothing where there are none."""
    return "".join(f" [@{citation.key}]" for citation in citations)
