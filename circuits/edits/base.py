"""What an edit is: a pure function of the attention rows, or of the outputs, of one head."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

from torch import Tensor

from circuits.edits.places import ALL, ONWARD, Placed, needs_roles, rows_in_words
from circuits.registry import Registry, subclass_of


class Where(NamedTuple):
    """What an edit may know of the rows that it is given.

    visible    [sequence, query, key] whether a query may see a key: no future, no padding, nothing beyond a window
    keys       [sequence, key] position of each key in its prompt, negative where it is padding
    places     the roles of every sequence
    queries    [sequence, query] position of each query, likewise
    residual   [sequence, position, d_model] the stream that enters the layer, at the tokens of this pass
    """

    visible: Tensor
    keys: Tensor
    places: Sequence[Placed]
    queries: Tensor
    residual: Tensor


@dataclass(frozen=True)
class Edit:
    """One change of a head. Fields are its settings.

    rows  which queries are edited (`circuits.edits.places`). An edit of a role's row leaves generated tokens alone; one
          of `all`, or of `END..`, edits the row of every generated token as well

    >>> from circuits.edits import edit_from
    >>> edit = edit_from("set END S1,S2")
    >>> edit.name, edit.rows, edit.arguments, edit.text
    ('set', 'END', 'S1,S2', 'set END S1,S2')
    >>> edit.description
    'the row of END: all weight on S1, S2, with equal shares'
    >>> edit.effect, edit.key_places, edit.roles
    ('all weight on S1, S2, with equal shares', ('S1', 'S2'), ('END', 'S1', 'S2'))
    >>> edit.is_identity, edit.needs_all_rows, edit == type(edit).from_words("END", ["S1,S2"])
    (False, False, True)
    """

    name: ClassVar[str]
    summary: ClassVar[str]

    rows: str = ALL

    def __post_init__(self) -> None:
        if not self.rows.removesuffix(ONWARD):
            raise ValueError(f"{self.name!r} needs rows: a role such as END, END.. for all from there on, or all.")

    @classmethod
    def from_words(cls, rows: str, words: Sequence[str]) -> Edit:
        """The edit as written: NAME, rows, and `words`. ValueError where these say something else."""
        if words:
            raise ValueError(f"{cls.name!r} takes rows and nothing else; found {' '.join(words)!r}.")
        return cls(rows)

    @property
    def arguments(self) -> str:
        """What follows the rows when it is written."""
        return ""

    @property
    def text(self) -> str:
        """The edit as it is written; `edit_from` reads it."""
        return f"{self.name} {self.rows} {self.arguments}".rstrip()

    @property
    def key_places(self) -> tuple[str, ...]:
        """The places of keys that it names."""
        return ()

    @property
    def roles(self) -> tuple[str, ...]:
        """The roles that prompts must have."""
        return tuple(place.removesuffix(ONWARD) for place in (self.rows, *self.key_places) if needs_roles(place))

    @property
    def is_identity(self) -> bool:
        """Whether it changes nothing; such an edit is checked, and then left out, so that no bit changes."""
        return False

    @property
    def needs_all_rows(self) -> bool:
        """Whether it must see the rows of all queries to change one."""
        return False

    @property
    def description(self) -> str:
        """What is done, in words."""
        return f"{rows_in_words(self.rows)}: {self.effect}"

    @property
    def effect(self) -> str:
        """What is done to each of the rows, in words."""
        return self.summary


class PatternEdit(Edit):
    """Changes attention rows after the softmax; values stay as they are.

    keeps_sums  whether a row adds up to what it did
    undefined   why the edit may be undefined for a row, which `changed` then gives as NaN; empty where it never is
    """

    keeps_sums: ClassVar[bool] = True
    undefined: ClassVar[str] = ""

    def changed(self, pattern: Tensor, where: Where) -> Tensor:
        """Other rows, from pattern [sequence, query, key] of one head in float32; only those of `rows` are taken."""
        raise NotImplementedError

    def require_seen(self, where: Where, is_row: Tensor) -> None:
        """Raise a ValueError where a row that is edited cannot see a key that it is to attend to."""


class OutputEdit(Edit):
    """Changes z, what a head has gathered, before its output matrix. Comes after all pattern edits of the head."""

    @property
    def source(self) -> str | None:
        """The head of the same layer whose z, before any edit, is changed and taken; None for the head's own."""
        return None

    def changed(self, z: Tensor) -> Tensor:
        """Other outputs, from z [sequence, query, d_head] of one head; only those of `rows` are taken."""
        raise NotImplementedError


EDITS: Registry[type[Edit]] = Registry("edits", subclass_of(PatternEdit, OutputEdit))
