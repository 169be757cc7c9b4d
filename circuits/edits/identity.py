"""`identity`: a head looks at its own token."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from circuits.edits.base import EDITS, Edit, PatternEdit, Where


@EDITS.register
@dataclass(frozen=True)
class Identity(PatternEdit):
    """A row becomes (1 - t) times itself plus t on its own token: t = 0 changes no bit, 1 leaves the own token alone.

    The interpolation of patterns to the identity of SoftPAG, as a graded way to take a head's attention away.

    >>> from circuits.edits import Identity
    >>> Identity("all", t=0.0).is_identity
    True
    """

    name = "identity"
    summary = "the row moved towards the query's own token"

    t: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.t <= 1:
            raise ValueError(f"'identity' takes a t from 0 (nothing changes) to 1; found {self.t}.")

    @classmethod
    def from_words(cls, rows: str, words: Sequence[str]) -> Edit:
        try:
            (t,) = map(float, words)
        except ValueError:
            raise ValueError(
                f"'identity' takes rows and t, such as 'identity END 0.5'; found {' '.join(words) or 'no t'!r}."
            ) from None
        return cls(rows, t)

    @property
    def arguments(self) -> str:
        return repr(self.t)

    @property
    def effect(self) -> str:
        return f"{self.t:g} of the way to all weight on the query's own token"

    @property
    def is_identity(self) -> bool:
        return self.t == 0

    def changed(self, pattern: Tensor, where: Where) -> Tensor:
        own = (where.queries.unsqueeze(-1) == where.keys.unsqueeze(1)) & where.visible
        return (1 - self.t) * pattern + self.t * own.to(pattern.dtype)
