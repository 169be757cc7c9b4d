"""`edit`: any edit, in the heads that it helps."""

from __future__ import annotations

from dataclasses import dataclass

from circuits.edits import Edit, edit_from
from circuits.remedies.base import REMEDIES, Remedy


@REMEDIES.register
@dataclass(frozen=True)
class EditRemedy(Remedy):
    """An edit as it is written (`circuits.edits`), in the heads that it helps when each alone gets it.

    >>> from circuits.remedies import EditRemedy
    >>> [edit.text for edit in EditRemedy("uniform END").edits(1.0)]
    ['uniform END']
    """

    name = "edit"
    summary = "any edit, in the heads that it helps"

    edit: str = "uniform END"

    def __post_init__(self) -> None:
        edit_from(self.edit)

    def edits(self, strength: float) -> tuple[Edit, ...]:
        return (edit_from(self.edit),)
