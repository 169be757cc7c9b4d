"""A watch of a computation that notes what it is told (`circuits.model.steps.Watch`)."""

from __future__ import annotations

from collections.abc import Callable

from circuits.arrays import Floats


class Notes:
    """A watch that notes everything, and knows what an earlier attempt has kept."""

    def __init__(self, known: dict[str, Floats] | None = None) -> None:
        self.shares: list[float] = []
        self.known, self.kept = known or {}, dict[str, Floats]()

    def reached(self, share: float) -> None:
        self.shares.append(share)

    def find(self, name: str) -> Floats | None:
        return self.known.get(name)

    def keep(self, name: str, values: Callable[[], Floats]) -> None:
        assert name not in self.kept
        self.kept[name] = values()
