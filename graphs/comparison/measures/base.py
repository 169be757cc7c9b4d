"""What a measure of likeness is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from circuits.arrays import Floats, Numbers


@dataclass(frozen=True)
class Measure:
    """A number that says how alike two circuits are; None where it is not defined.

    name      as in tables and files
    summary   one line
    reads     `sets`: what each circuit has [thing]; `scores`: signed scores [thing] of what both sides measured,
              whether a circuit has it or not; `both`: first sets, then scores
    value_of  from these to the value
    reading   what `value_of` gets of each side's scores [thing], such as ranks, for `scores`: the same of
              scores that changed places, but for the places
    """

    name: str
    summary: str
    reads: Literal["sets", "scores", "both"]
    value_of: Callable[..., float | None]
    reading: Callable[[Floats], Floats | Numbers] = field(default=np.asarray)


def ratio(part: float | np.integer[Any], whole: float | np.integer[Any]) -> float | None:
    """None for a part of nothing."""
    return float(part / whole) if whole else None
