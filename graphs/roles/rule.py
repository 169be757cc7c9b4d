"""What all rules of roles share: a rule names readings of a head, and what each must be."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, ClassVar

from graphs.roles.label import Condition


@dataclass(frozen=True)
class RoleRule:
    """When a head has a role. Subclasses are frozen dataclasses whose fields are their thresholds.

    A rule asks for a pattern, where the head attends or what it writes, and for an effect, what changes without it:
    attention is not use, and an effect alone does not say how. Each is asked of the whole interval over prompts.

    source      who described such heads
    rank        labels stand in this order, then by name; the first of a head is its role in drawings
    not_beside  a head that has one of these roles does not get this one, which says less
    """

    name: ClassVar[str]
    summary: ClassVar[str]
    source: ClassVar[str]
    rank: ClassVar[int]
    not_beside: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self) -> None:
        for entry in fields(self):
            value = getattr(self, entry.name)
            if not 0 <= value <= 1:
                raise ValueError(f"{entry.name}={value} is no share: give a number from 0 to 1.")

    @property
    def conditions(self) -> tuple[Condition, ...]:
        """All of them must hold."""
        raise NotImplementedError

    @property
    def settings(self) -> dict[str, Any]:
        return {entry.name: getattr(self, entry.name) for entry in fields(self)}
